//! Collects the rows of a COPY into batches of similar size.

use bytes::BytesMut;
use weir_model::copy_rows::{HEADER, TRAILER};

use crate::{DumpError, copy_format::Batch};

pub(super) struct Batcher {
    data: BytesMut,
    rows: usize,
    begun: bool,
    /// Whether the trailer was received.
    pub(super) ended: bool,
}

/// The size at which a batch is returned. A longer row becomes a batch with one row.
const BATCH_BYTES: usize = 48 * 1024;
const CAPACITY: usize = BATCH_BYTES + BATCH_BYTES / 4;

impl Batcher {
    pub(super) fn new() -> Self {
        Self { data: BytesMut::with_capacity(CAPACITY), rows: 0, begun: false, ended: false }
    }

    /// Adds one message of the server. A message is a row, and the first one begins with the
    /// header. Returns a full batch.
    pub(super) fn push(&mut self, message: &[u8]) -> Result<Option<Batch>, DumpError> {
        let mut row = message;
        if !self.begun {
            row = row.strip_prefix(HEADER).ok_or_else(|| {
                DumpError::Broken("the database did not send a COPY in binary format".to_owned())
            })?;
            self.begun = true;
        }
        if row == TRAILER {
            self.ended = true;
            return Ok(None);
        }
        if row.is_empty() {
            return Ok(None);
        }
        self.data.extend_from_slice(row);
        self.rows += 1;
        Ok(if self.data.len() >= BATCH_BYTES { self.take() } else { None })
    }

    /// Returns the rows collected so far; `None` when there are no rows.
    pub(super) fn take(&mut self) -> Option<Batch> {
        if self.rows == 0 {
            return None;
        }
        let rows = std::mem::take(&mut self.rows);
        let data = std::mem::replace(&mut self.data, BytesMut::with_capacity(CAPACITY));
        Some(Batch { data: data.freeze(), rows })
    }
}
