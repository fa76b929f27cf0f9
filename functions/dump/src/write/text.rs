//! Fields as text, and text compressed into a gzip file.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};

use super::{Output, Written};
use crate::{
    DumpError,
    copy_format::{boolean, int4, int8, jsonb},
    table::SqlType,
    timestamp_text::TimestampWriter,
};

/// Measured: above it time grows faster than files shrink.
const LEVEL: u32 = 3;

/// Text that is compressed a batch at a time.
pub(super) struct Zipped {
    /// Written and not compressed yet.
    pub(super) text: Vec<u8>,
    gzip: GzEncoder<Output>,
}

impl Zipped {
    pub(super) fn new(output: Output) -> Self {
        Self {
            text: Vec::with_capacity(512 * 1024),
            gzip: GzEncoder::new(output, Compression::new(LEVEL)),
        }
    }

    /// Compresses what was written.
    pub(super) fn flush(&mut self) -> Result<(), DumpError> {
        self.gzip.write_all(&self.text).map_err(|e| DumpError::encoding(&e))?;
        // One row of megabytes must not keep its memory.
        self.text.clear();
        self.text.shrink_to(2 * 1024 * 1024);
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Written, DumpError> {
        let output = self.gzip.finish().map_err(|e| DumpError::encoding(&e))?;
        output.finish().map_err(|e| DumpError::encoding(&e))
    }
}

/// Writes fields that look the same in JSON and CSV, but for quotes.
#[derive(Default)]
pub(super) struct Writer {
    timestamps: TimestampWriter,
    ints: itoa::Buffer,
    floats: zmij::Buffer,
}

/// Whether a field is quoted in JSON.
pub(super) enum Shape<'f> {
    /// A number, true or false: written already.
    Bare,
    /// Plain ASCII without anything to escape: written already, needs quotes.
    Quoted,
    /// JSON, as it is.
    Json(&'f [u8]),
    /// Text to escape.
    Text(&'f [u8]),
}

impl Writer {
    /// Writes a field to `out`, or returns what the caller has to escape.
    pub(super) fn field<'f>(
        &mut self,
        out: &mut Vec<u8>,
        sql_type: SqlType,
        field: &'f [u8],
    ) -> Result<Shape<'f>, DumpError> {
        Ok(match sql_type {
            SqlType::Text | SqlType::Other => Shape::Text(field),
            SqlType::Json => Shape::Json(field),
            SqlType::Jsonb => Shape::Json(jsonb(field)?),
            SqlType::Int4 => {
                out.extend_from_slice(self.ints.format(int4(field)?).as_bytes());
                Shape::Bare
            }
            SqlType::Int8 => {
                out.extend_from_slice(self.ints.format(int8(field)?).as_bytes());
                Shape::Bare
            }
            SqlType::Bool => {
                out.extend_from_slice(if boolean(field)? { b"true" } else { b"false" });
                Shape::Bare
            }
            SqlType::Float8 => self.float(out, f64::from_bits(int8(field)?.cast_unsigned())),
            SqlType::Timestamp => {
                self.timestamps.append(out, int8(field)?);
                Shape::Quoted
            }
            SqlType::Uuid => {
                let uuid = uuid::Uuid::from_slice(field).map_err(|e| DumpError::encoding(&e))?;
                out.extend_from_slice(
                    uuid.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()).as_bytes(),
                );
                Shape::Quoted
            }
            SqlType::Bytes => {
                let begin = out.len();
                out.resize(begin + base64_simd::STANDARD.encoded_length(field.len()), 0);
                let _ = base64_simd::STANDARD
                    .encode(field, base64_simd::Out::from_slice(&mut out[begin..]));
                Shape::Quoted
            }
        })
    }

    /// As JavaScript writes it: a whole number without `.0`. JSON has no literal for NaN and the
    /// infinities: they are strings.
    fn float<'f>(&mut self, out: &mut Vec<u8>, number: f64) -> Shape<'f> {
        if number.is_nan() {
            out.extend_from_slice(b"NaN");
            return Shape::Quoted;
        }
        if number.is_infinite() {
            out.extend_from_slice(if number > 0.0 { b"Infinity" } else { b"-Infinity" });
            return Shape::Quoted;
        }
        let text = self.floats.format_finite(number);
        out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
        Shape::Bare
    }
}
