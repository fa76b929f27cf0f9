//! Decompresses a file if its first two bytes are those of gzip.

use bytes::{Bytes, BytesMut};

use crate::body::{BodyFault, ByteSource, Gunzip};

/// RFC 1952, 2.3.1.
const GZIP: &[u8] = &[0x1f, 0x8b];

pub(super) struct Unfold {
    source: Box<dyn ByteSource>,
    state: State,
}

enum State {
    /// Fewer than two bytes have come.
    Start(BytesMut),
    Plain,
    Gzip(Box<Gunzip>),
}

impl Unfold {
    pub(super) fn new(source: Box<dyn ByteSource>) -> Self {
        Self { source, state: State::Start(BytesMut::new()) }
    }

    /// Returns the next piece. After an error of the decompression
    /// [`next_folded`](Self::next_folded) returns the rest.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, BodyFault> {
        loop {
            if let State::Gzip(gzip) = &mut self.state
                && let Some(piece) = gzip.piece()?
            {
                return Ok(Some(piece));
            }
            let piece = self.source.next().await?;
            match (&mut self.state, piece) {
                (State::Plain, piece) => return Ok(piece),
                (State::Gzip(gzip), Some(piece)) => gzip.push(piece),
                (State::Gzip(gzip), None) => return gzip.end(),
                (State::Start(start), piece) => {
                    let is_end = piece.is_none();
                    start.extend_from_slice(&piece.unwrap_or_default());
                    if !is_end && start.len() < GZIP.len() {
                        continue;
                    }
                    let start = std::mem::take(start).freeze();
                    if start.starts_with(GZIP) {
                        let mut gzip = Box::<Gunzip>::default();
                        gzip.push(start);
                        self.state = State::Gzip(gzip);
                    } else {
                        self.state = State::Plain;
                        return Ok((!start.is_empty()).then_some(start));
                    }
                }
            }
        }
    }

    /// Returns the next piece of the compressed bytes that could not be decompressed.
    pub(super) async fn next_folded(&mut self) -> Result<Option<Bytes>, BodyFault> {
        if let State::Gzip(gzip) = &mut self.state {
            let folded = gzip.folded();
            if !folded.is_empty() {
                return Ok(Some(folded));
            }
        }
        self.source.next().await
    }
}
