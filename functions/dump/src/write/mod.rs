//! Rows of binary COPY into files.

mod csv;
mod json;
mod output;
mod parquet;
mod text;

use weir_blob::Format;

use crate::{DumpError, rows::Batch, source::Column};
pub(crate) use output::hex;
pub use output::{Output, Piece, Written};

/// Writes rows in one format. Runs on a thread of its own: compressing is work.
pub trait Encoder: Send {
    /// Takes a batch.
    fn batch(&mut self, batch: &Batch) -> Result<(), DumpError>;
    /// Writes what a file ends with.
    fn finish(self: Box<Self>) -> Result<Written, DumpError>;
}

/// The encoder of a format. The same rows give the same bytes, however they come in batches.
pub fn encoder(format: Format, columns: &[Column], output: Output) -> Result<Box<dyn Encoder>, DumpError> {
    Ok(match format {
        Format::Json => Box::new(json::JsonLines::new(columns, output)),
        Format::Csv => Box::new(csv::Csv::new(columns, output)?),
        Format::Parquet => Box::new(parquet::Parquet::new(columns, output)?),
    })
}
