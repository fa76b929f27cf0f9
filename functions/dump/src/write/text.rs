//! Writes fields as text, and compresses text into a gzip file.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};

use super::{Output, Written};
use crate::{
    DumpError,
    copy_format::{boolean, int4, int8, jsonb},
    table::SqlType,
    timestamp_text::TimestampWriter,
};

/// Measured: at higher levels the time grows faster than the files shrink.
const LEVEL: u32 = 3;

/// Text that is compressed batch by batch.
pub(super) struct Zipped {
    /// Text that is written and not compressed yet.
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

    /// Compresses the written text.
    pub(super) fn flush(&mut self) -> Result<(), DumpError> {
        self.gzip.write_all(&self.text).map_err(|e| DumpError::encoding(&e))?;
        // Frees memory after a row of many megabytes.
        self.text.clear();
        self.text.shrink_to(2 * 1024 * 1024);
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Written, DumpError> {
        let output = self.gzip.finish().map_err(|e| DumpError::encoding(&e))?;
        output.finish().map_err(|e| DumpError::encoding(&e))
    }
}

/// Writes the fields that have the same text in JSON and CSV, except for quotes.
#[derive(Default)]
pub(super) struct Writer {
    timestamps: TimestampWriter,
    ints: itoa::Buffer,
    floats: zmij::Buffer,
}

/// How the caller completes a field.
pub(super) enum Shape<'f> {
    /// A number, true or false. The text is already written.
    Bare,
    /// Plain ASCII without characters to escape. The text is already written and needs quotes.
    Quoted,
    /// JSON text.
    Json(&'f [u8]),
    /// Text that must be escaped.
    Text(&'f [u8]),
}

impl Writer {
    /// Writes a field to `out`, or returns the text that the caller has to escape.
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

    /// Writes a number as JavaScript does: a whole number without `.0`. NaN and the infinities are
    /// strings, because JSON has no literals for them.
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
