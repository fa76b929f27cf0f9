//! Converts a file's bytes to UTF-8 and back. A part that cannot be converted keeps its original
//! bytes.

use std::borrow::Cow;

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// Marks bytes that cannot be decoded. This byte never occurs in UTF-8.
const NO_TEXT: u8 = 0xff;

/// Decodes a file piece by piece.
pub(super) struct Text {
    encoding: &'static Encoding,
    /// `None` for UTF-8, which needs no conversion.
    decoding: Option<Decoding>,
}

struct Decoding {
    decoder: Decoder,
    /// The input that was decoded and is still needed.
    original: Vec<u8>,
    /// Decodes `original` a second time, character by character, to find positions.
    follower: Follower,
    /// The position in the text at which `original` begins.
    at: u64,
}

impl Text {
    /// Creates a decoder from the first bytes of a file. A byte order mark overrides `encoding`.
    /// Also returns the length of the mark.
    pub(super) fn of(start: &[u8], encoding: &'static Encoding) -> (Self, usize) {
        let (encoding, mark) = Encoding::for_bom(start).unwrap_or((encoding, 0));
        let decoding = (encoding != UTF_8).then(|| Decoding {
            decoder: encoding.new_decoder_without_bom_handling(),
            original: Vec::new(),
            follower: Follower::of(encoding),
            at: 0,
        });
        (Self { encoding, decoding }, mark)
    }

    pub(super) fn encoding(&self) -> &'static Encoding {
        self.encoding
    }

    /// Decodes the next piece. Bytes that cannot be decoded become a byte that no text contains.
    pub(super) fn decode<'p>(&mut self, piece: &'p [u8], is_end: bool) -> Cow<'p, [u8]> {
        let Some(Decoding { decoder, original, .. }) = &mut self.decoding else {
            return Cow::Borrowed(piece);
        };
        original.extend_from_slice(piece);
        let (mut text, mut rest) = (Vec::with_capacity(piece.len() * 2), piece);
        loop {
            let begin = text.len();
            let room = decoder
                .max_utf8_buffer_length_without_replacement(rest.len())
                .unwrap_or(rest.len() * 4 + 16);
            text.resize(begin + room, 0);
            let (result, read, written) =
                decoder.decode_to_utf8_without_replacement(rest, &mut text[begin..], is_end);
            text.truncate(begin + written);
            rest = &rest[read..];
            match result {
                DecoderResult::InputEmpty => return Cow::Owned(text),
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => text.push(NO_TEXT),
            }
        }
    }

    /// Returns the original bytes of a part of the text. The parts must be requested in order.
    pub(super) fn original<'t>(&mut self, begin: u64, text: &'t [u8]) -> Cow<'t, [u8]> {
        let Some(decoding) = &mut self.decoding else { return Cow::Borrowed(text) };
        decoding.forget(begin);
        let length = decoding.length(begin + u64::try_from(text.len()).unwrap_or(u64::MAX));
        Cow::Owned(decoding.original.drain(..length).collect())
    }

    /// Returns all original bytes from `begin` on.
    pub(super) fn rest<'t>(&mut self, begin: u64, text: &'t [u8]) -> Cow<'t, [u8]> {
        let Some(decoding) = &mut self.decoding else { return Cow::Borrowed(text) };
        decoding.forget(begin);
        Cow::Owned(std::mem::take(&mut decoding.original))
    }

    /// Drops the original bytes before this position.
    pub(super) fn forget(&mut self, before: u64) {
        if let Some(decoding) = &mut self.decoding {
            decoding.forget(before);
        }
    }
}

impl Decoding {
    fn forget(&mut self, before: u64) {
        let length = self.length(before);
        self.original.drain(..length);
    }

    /// Returns how many bytes of the original make the text up to this position. The follower is
    /// then at this position.
    fn length(&mut self, until: u64) -> usize {
        let mut length = 0;
        while self.at < until && length < self.original.len() {
            let (read, written) = self.follower.step(&self.original[length..]);
            length += read;
            self.at += written;
        }
        length
    }
}

/// Returns the length of the decoded text character by character.
enum Follower {
    Utf16 { is_little: bool },
    Other(Box<Decoder>),
}

impl Follower {
    fn of(encoding: &'static Encoding) -> Self {
        if encoding == UTF_16LE || encoding == UTF_16BE {
            return Self::Utf16 { is_little: encoding == UTF_16LE };
        }
        Self::Other(Box::new(encoding.new_decoder_without_bom_handling()))
    }

    /// Decodes one character, or one byte of it. Returns the number of bytes read from the file and
    /// the number of bytes of text.
    fn step(&mut self, bytes: &[u8]) -> (usize, u64) {
        match self {
            Self::Utf16 { is_little } => utf16(bytes, *is_little),
            Self::Other(decoder) => {
                let mut text = [0; 32];
                let (result, read, written) =
                    decoder.decode_to_utf8_without_replacement(&bytes[..1], &mut text, false);
                let mark = matches!(result, DecoderResult::Malformed(..));
                (read, u64::try_from(written).unwrap_or_default() + u64::from(mark))
            }
        }
    }
}

fn utf16(bytes: &[u8], is_little: bool) -> (usize, u64) {
    let unit = |at: usize| {
        let two = [*bytes.get(at)?, *bytes.get(at + 1)?];
        Some(if is_little { u16::from_le_bytes(two) } else { u16::from_be_bytes(two) })
    };
    match unit(0) {
        None => (bytes.len(), 1),
        Some(high)
            if (0xd800..0xdc00).contains(&high)
                && unit(2).is_some_and(|low| (0xdc00..0xe000).contains(&low)) =>
        {
            (4, 4)
        }
        Some(unit) => (
            2,
            u64::try_from(char::from_u32(unit.into()).map_or(1, char::len_utf8))
                .unwrap_or_default(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the text, and the original bytes of each of its lines.
    fn lines(bytes: &[u8], label: &str, piece: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
        let (mut text, mark) = Text::of(bytes, Encoding::for_label(label.as_bytes()).unwrap());
        let mut all = Vec::new();
        let pieces: Vec<&[u8]> = bytes[mark..].chunks(piece).collect();
        for (n, piece) in pieces.iter().enumerate() {
            all.extend_from_slice(&text.decode(piece, n + 1 == pieces.len()));
        }
        let mut begin = 0;
        let originals = all.split_inclusive(|byte| *byte == b'\n').map(|line| {
            let original = text.original(begin, line).into_owned();
            begin += u64::try_from(line.len()).unwrap();
            original
        });
        let originals = originals.collect();
        (all, originals)
    }

    fn utf16(text: &str, little: bool) -> Vec<u8> {
        text.encode_utf16()
            .flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() })
            .collect()
    }

    #[test]
    fn every_line_is_as_it_was_in_the_file() {
        let bad = [
            &utf16("a\u{20ac}", true)[..],
            &[0, 0xd8],
            &utf16("\nc", true),
            &[0, 0xdc],
            &utf16("\n\u{10348}\n", true),
        ]
        .concat();
        let cases: [(&str, Vec<u8>, Vec<u8>); 7] = [
            ("utf-8", b"M\xfcller\nx\n".to_vec(), b"M\xfcller\nx\n".to_vec()),
            ("windows-1252", b"M\xfcller\nx\n".to_vec(), "Müller\nx\n".into()),
            ("windows-1253", b"\xc1\xd2\n\xc1".to_vec(), b"\xce\x91\xff\n\xce\x91".to_vec()),
            (
                "shift_jis",
                b"\x83\\\n\x83\n\x81".to_vec(),
                ["ソ\n".as_bytes(), &b"\xff\n\xff"[..]].concat(),
            ),
            ("gb18030", b"\x81\x30\x81\x30\n\x84\x31\xa4\x37".to_vec(), "\u{80}\n\u{fffd}".into()),
            ("utf-16le", bad, ["a€".as_bytes(), &b"\xff\nc\xff\n"[..], "𐍈\n".as_bytes()].concat()),
            (
                "utf-16be",
                [utf16("ä\n", false), vec![0]].concat(),
                ["ä\n".as_bytes(), &b"\xff"[..]].concat(),
            ),
        ];
        for (label, bytes, expected) in cases {
            for piece in [1, 2, 3, 100] {
                let (text, originals) = lines(&bytes, label, piece);
                assert_eq!(text, expected, "{label}: {}", String::from_utf8_lossy(&text));
                assert_eq!(originals.concat(), bytes, "{label}");
                let ends = originals[..originals.len() - 1]
                    .iter()
                    .all(|line| line.ends_with(b"\n") || line.ends_with(b"\n\0"));
                assert!(ends, "{label}: {originals:?}");
            }
        }
    }

    #[test]
    fn a_byte_order_mark_goes_before_what_was_said() {
        for (mark, encoding) in
            [(&b"\xef\xbb\xbf"[..], UTF_8), (b"\xff\xfe", UTF_16LE), (b"\xfe\xff", UTF_16BE)]
        {
            let (text, length) = Text::of(&[mark, b"x\0"].concat(), encoding_rs::WINDOWS_1252);
            assert_eq!((text.encoding(), length), (encoding, mark.len()));
        }
    }
}
