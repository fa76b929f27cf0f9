//! A local copy of a file, which several threads can read at once.

use std::{fs::File, io::Read, os::unix::fs::FileExt, sync::Arc};

use bytes::Bytes;
use parquet::{
    errors::Result,
    file::reader::{ChunkReader, Length},
};

/// The bytes that are read at once from the copy.
const BUFFER_BYTES: usize = 64 * 1024;

/// A local copy. Clones share the file and not a position in it, which clones of a [`File`] do.
#[derive(Clone)]
pub(crate) struct LocalCopy {
    file: Arc<File>,
    bytes: u64,
}

impl LocalCopy {
    pub(crate) fn new(file: File, bytes: u64) -> Self {
        Self { file: Arc::new(file), bytes }
    }
}

impl Length for LocalCopy {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for LocalCopy {
    type T = std::io::BufReader<ReadFrom>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        let from = ReadFrom { file: self.file.clone(), at: start };
        Ok(std::io::BufReader::with_capacity(BUFFER_BYTES, from))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, start)?;
        Ok(bytes.into())
    }
}

/// Reads a copy from a position on.
pub(crate) struct ReadFrom {
    file: Arc<File>,
    at: u64,
}

impl Read for ReadFrom {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
