//! A file that is gzip is unfolded; whether it is, its first two bytes say.

use bytes::{Bytes, BytesMut};

use crate::body::{BodyFault, ByteSource, Gunzip};

/// RFC 1952, 2.3.1.
const GZIP: &[u8] = &[0x1f, 0x8b];

pub(super) struct Unfold {
    source: Box<dyn ByteSource>,
    state: State,
}

enum State {
    /// Too little has come to say.
    Start(BytesMut),
    Plain,
    Gzip(Box<Gunzip>),
}

impl Unfold {
    pub(super) fn new(source: Box<dyn ByteSource>) -> Self {
        Self { source, state: State::Start(BytesMut::new()) }
    }

    /// The next piece. Behind an error that says that it is no gzip, or a trap,
    /// [`next_folded`](Self::next_folded) has the rest.
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

    /// The next piece of what could not be unfolded, as it is in the file.
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
