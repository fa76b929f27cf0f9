//! Writes rows of binary COPY into files, in every format at once.

mod csv;
mod json;
mod output;
mod parquet;
mod text;
mod write_files;

use weir_blob::Format;

use self::output::{Chunk, Output, Written};
use crate::{DumpError, copy_format::Batch, table::TableColumn};
pub(crate) use write_files::write_files;

/// Writes rows in one format. Runs on a thread, because compression takes most of the time.
trait Encoder: Send {
    fn batch(&mut self, batch: &Batch) -> Result<(), DumpError>;
    /// Writes the end of the file.
    fn finish(self: Box<Self>) -> Result<Written, DumpError>;
}

/// Returns the encoder of a format. The same rows give the same bytes, however they are divided
/// into batches.
fn encoder(
    format: Format,
    columns: &[TableColumn],
    output: Output,
) -> Result<Box<dyn Encoder>, DumpError> {
    Ok(match format {
        Format::Json => Box::new(json::JsonLines::new(columns, output)?),
        Format::Csv => Box::new(csv::Csv::new(columns, output)?),
        Format::Parquet => Box::new(parquet::Parquet::new(columns, output)?),
    })
}
