//! A file's bytes on their way from an encoder's thread to the upload.

use std::io;

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::Sender;

/// Bytes are handed on in pieces of this size.
const PIECE_BYTES: usize = 64 * 1024;

/// What the upload hears.
#[derive(Debug)]
pub enum Piece {
    /// The next bytes.
    Bytes(Bytes),
    /// These were all. A channel that closes without it means that the file is not to be.
    End,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its bytes, hex.
    pub sha256: String,
}

/// Where an encoder writes.
pub struct Output {
    upload: Sender<Piece>,
    piece: BytesMut,
    sha256: Sha256,
    bytes: u64,
}

impl Output {
    /// Hands pieces to `upload`.
    pub fn new(upload: Sender<Piece>) -> Self {
        Self { upload, piece: BytesMut::with_capacity(PIECE_BYTES), sha256: Sha256::new(), bytes: 0 }
    }

    /// Hands on the rest and says that it was all.
    pub fn finish(mut self) -> io::Result<Written> {
        self.send()?;
        self.upload.blocking_send(Piece::End).map_err(|_| closed())?;
        let sha256 = hex(&self.sha256.finalize());
        Ok(Written { bytes: self.bytes, sha256 })
    }

    fn send(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        self.sha256.update(&self.piece);
        self.bytes += self.piece.len() as u64;
        let piece = std::mem::replace(&mut self.piece, BytesMut::with_capacity(PIECE_BYTES));
        self.upload.blocking_send(Piece::Bytes(piece.freeze())).map_err(|_| closed())
    }
}

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = PIECE_BYTES - self.piece.len();
        let taken = bytes.len().min(room);
        self.piece.extend_from_slice(&bytes[..taken]);
        if self.piece.len() == PIECE_BYTES {
            self.send()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the upload ended")
}

/// Bytes in hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from(b"0123456789abcdef"[usize::from(n)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
