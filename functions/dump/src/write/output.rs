//! Sends the bytes of a file from the encoder's thread to the upload.

use std::io;

use bytes::{Bytes, BytesMut};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::Sender;

/// The size of a chunk, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// A message to the upload.
#[derive(Debug)]
pub(super) enum Chunk {
    Bytes(Bytes),
    /// The file is complete. If the channel closes without this message, the upload is aborted.
    End,
}

/// The size and the checksum of a written file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) bytes: u64,
    /// SHA-256 of the file's bytes, in hex.
    pub(super) sha256: String,
}

/// Receives the bytes of an encoder and sends them to the upload in chunks.
pub(super) struct Output {
    upload: Sender<Chunk>,
    chunk: BytesMut,
    sha256: Sha256,
    bytes: u64,
}

impl Output {
    pub(super) fn new(upload: Sender<Chunk>) -> Self {
        Self {
            upload,
            chunk: BytesMut::with_capacity(CHUNK_BYTES),
            sha256: Sha256::new(),
            bytes: 0,
        }
    }

    /// Sends the remaining bytes and the end.
    pub(super) fn finish(mut self) -> io::Result<Written> {
        self.send()?;
        self.upload.blocking_send(Chunk::End).map_err(|_| closed())?;
        let sha256 = HEXLOWER.encode(&self.sha256.finalize());
        Ok(Written { bytes: self.bytes, sha256 })
    }

    fn send(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        self.sha256.update(&self.chunk);
        self.bytes += self.chunk.len() as u64;
        let chunk = std::mem::replace(&mut self.chunk, BytesMut::with_capacity(CHUNK_BYTES));
        self.upload.blocking_send(Chunk::Bytes(chunk.freeze())).map_err(|_| closed())
    }
}

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = CHUNK_BYTES - self.chunk.len();
        let taken = bytes.len().min(room);
        self.chunk.extend_from_slice(&bytes[..taken]);
        if self.chunk.len() == CHUNK_BYTES {
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
