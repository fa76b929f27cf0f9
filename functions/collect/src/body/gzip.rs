//! Decompresses gzip piece by piece, with bounded output per step.

use std::io::Write;

use bytes::{Buf, Bytes};
use flate2::write::MultiGzDecoder;

use super::BodyFault;

/// The highest accepted ratio of decompressed to compressed bytes. Events compress by a factor of
/// ten to thirty, and deflate can reach a thousand. A higher ratio is treated as a decompression
/// bomb.
const RATIO_MAX: u64 = 100;
/// The ratio is not checked below this length: a short body of one repeated line is harmless.
const FREE_BYTES: u64 = 32 * 1024 * 1024;

/// Decompresses a body that comes in pieces. A body may consist of several gzip members.
pub struct Gunzip {
    /// Writes at most one of its internal buffers (32 KB) per call.
    decoder: MultiGzDecoder<Vec<u8>>,
    folded: Bytes,
    /// The input since the last output. The decoder may have consumed it without an output for it.
    closed: Vec<Bytes>,
    bytes_in: u64,
    bytes_out: u64,
    is_over: bool,
    /// Returned after all output that was decompressed before the fault.
    fault: Option<String>,
}

impl Default for Gunzip {
    fn default() -> Self {
        Self {
            decoder: MultiGzDecoder::new(Vec::new()),
            folded: Bytes::new(),
            closed: Vec::new(),
            bytes_in: 0,
            bytes_out: 0,
            is_over: false,
            fault: None,
        }
    }
}

impl Gunzip {
    /// Adds the next input. Call it only after [`piece`](Self::piece) returned `None`.
    pub fn push(&mut self, piece: Bytes) {
        self.bytes_in += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        self.closed.push(piece.clone());
        self.folded = piece;
    }

    /// Returns the next decompressed bytes, or `None` when more input is needed.
    pub fn piece(&mut self) -> Result<Option<Bytes>, BodyFault> {
        while !self.folded.is_empty() && self.fault.is_none() {
            let given = self.folded.clone();
            match self.decoder.write(&given) {
                Ok(0) => self.fault = Some("data follows the end of the gzip stream".to_owned()),
                Ok(taken) => self.folded.advance(taken),
                Err(error) => self.fault = Some(error.to_string()),
            }
            if let Some(piece) = self.take()? {
                // The decoder may still hold output of this input.
                self.closed = vec![given];
                return Ok(Some(piece));
            }
        }
        self.faulty()
    }

    /// Returns the remaining output after the last input.
    pub fn end(&mut self) -> Result<Option<Bytes>, BodyFault> {
        if !std::mem::replace(&mut self.is_over, true) && self.bytes_in > 0 {
            self.fault = self.decoder.try_finish().err().map(|error| error.to_string());
        }
        match self.take()? {
            None => self.faulty(),
            piece => Ok(piece),
        }
    }

    /// Returns the input that was not decompressed, after a fault.
    pub fn folded(&mut self) -> Bytes {
        self.folded.clear();
        std::mem::take(&mut self.closed).concat().into()
    }

    fn faulty(&mut self) -> Result<Option<Bytes>, BodyFault> {
        self.fault.take().map_or(Ok(None), |fault| Err(BodyFault::NotGzip(fault)))
    }

    fn take(&mut self) -> Result<Option<Bytes>, BodyFault> {
        let piece = std::mem::take(self.decoder.get_mut());
        self.bytes_out += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        if self.bytes_out > FREE_BYTES && self.bytes_out / RATIO_MAX > self.bytes_in {
            return Err(BodyFault::Bomb { ratio: RATIO_MAX });
        }
        Ok((!piece.is_empty()).then(|| piece.into()))
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn folded(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn unfolded(folded: &[u8], piece: usize) -> Result<(Vec<u8>, usize), BodyFault> {
        let (mut gzip, mut all, mut longest) = (Gunzip::default(), Vec::new(), 0);
        for piece in folded.chunks(piece) {
            gzip.push(Bytes::copy_from_slice(piece));
            while let Some(piece) = gzip.piece()? {
                longest = longest.max(piece.len());
                all.extend_from_slice(&piece);
            }
        }
        while let Some(piece) = gzip.end()? {
            all.extend_from_slice(&piece);
        }
        Ok((all, longest))
    }

    #[test]
    fn whatever_was_folded_unfolds() {
        let text: Vec<u8> =
            (0..200_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        for text in [b"".as_slice(), b"{}", &text] {
            for piece in [1_000_000, 1000, 7] {
                assert_eq!(unfolded(&folded(text), piece).unwrap().0, text);
            }
        }
        let two = [folded(b"{}\n"), folded(b"[]\n")].concat();
        assert_eq!(unfolded(&two, 5).unwrap().0, b"{}\n[]\n");
    }

    #[test]
    fn what_is_cut_or_no_gzip_is_an_error() {
        let whole = folded(b"some text, and more of it");
        for folded in [
            &whole[..whole.len() - 1],
            &whole[..12],
            b"{\"sensor\":1}",
            &[&whole[..], b"behind"].concat(),
        ] {
            assert!(matches!(unfolded(folded, 1000), Err(BodyFault::NotGzip(_))), "{folded:?}");
        }
    }

    #[test]
    fn a_bomb_does_not_go_off() {
        let bomb = folded(&vec![b' '; 100_000_000]);
        assert!(matches!(unfolded(&bomb, bomb.len()), Err(BodyFault::Bomb { .. })));
        let (text, longest) = unfolded(&folded(&vec![b' '; 20_000_000]), 1_000_000).unwrap();
        assert_eq!(text.len(), 20_000_000);
        assert!(longest <= 128 * 1024, "{longest}");
    }
}
