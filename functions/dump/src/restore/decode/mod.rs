//! Decodes files into rows of binary COPY, for a restore and for a verification.

mod csv;
mod field;
mod json;
mod parquet;

use std::fs::File;

use bytes::BytesMut;
use weir_blob::Format;

use crate::{DumpError, copy_format::Batch, table::TableColumn};

/// The size at which a batch is passed on, in bytes.
const BATCH_BYTES: usize = 256 * 1024;

/// Reads a file and passes its rows to `take`, with the fields in the order of `columns`. Blocks
/// its thread. Fails when the file is damaged or when `take` fails.
pub(crate) fn decode(
    file: File,
    format: Format,
    columns: &[TableColumn],
    take: &mut dyn FnMut(Batch) -> Result<(), DumpError>,
) -> Result<(), DumpError> {
    let mut rows = Rows { data: BytesMut::new(), count: 0, take };
    match format {
        Format::Json => json::decode(file, columns, &mut rows)?,
        Format::Csv => csv::decode(file, columns, &mut rows)?,
        Format::Parquet => parquet::decode(file, columns, &mut rows)?,
    }
    rows.flush()
}

/// Collects rows into batches.
struct Rows<'t> {
    data: BytesMut,
    count: usize,
    take: &'t mut dyn FnMut(Batch) -> Result<(), DumpError>,
}

impl Rows<'_> {
    /// Begins a row of `fields` fields.
    fn row(&mut self, fields: usize) -> Result<(), DumpError> {
        let count = u16::try_from(fields).map_err(|e| DumpError::encoding(&e))?;
        self.data.extend_from_slice(&count.to_be_bytes());
        Ok(())
    }

    /// Ends the row.
    fn end(&mut self) -> Result<(), DumpError> {
        self.count += 1;
        if self.data.len() >= BATCH_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), DumpError> {
        if self.count == 0 {
            return Ok(());
        }
        let (data, rows) = (self.data.split().freeze(), std::mem::take(&mut self.count));
        (self.take)(Batch { data, rows })
    }
}

fn damaged(fault: impl std::fmt::Display) -> DumpError {
    DumpError::Differs(format!("the file is damaged: {fault}"))
}
