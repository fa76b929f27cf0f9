//! Turns a value into JSON text: unchanged, without a schema registry's frame, or with a
//! [`Decoder`].

use std::{borrow::Cow, io::Read};

use crate::{ErrorClass, Headers, Record, Rejection, SchemaFormat};

/// Turns the values of some topics into JSON, for example from Avro or Protobuf.
pub trait Decoder: Send + Sync + 'static {
    /// Returns the name, for error messages.
    fn name(&self) -> &str;

    /// Returns whether this decoder decodes the values of this topic.
    fn decodes(&self, topic: &str) -> bool;

    /// Returns the JSON text of a value.
    ///
    /// `bytes` is the whole value with its frame; [`Frame::of`] removes the frame. The method must
    /// not panic, because a function built by cargo-lambda aborts on a panic.
    fn decode(
        &self,
        bytes: &[u8],
        headers: &Headers<'_>,
        topic: &str,
    ) -> Result<String, DecodeError>;
}

/// The reason why a decoder could not read a value. The record is stored in `failures` with this
/// line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(pub String);

/// The result of opening a value.
#[derive(Debug)]
pub enum Opened<'a> {
    /// The value is null.
    Tombstone,
    /// JSON text that is not yet checked to be JSON. The text is borrowed and `exact` when it is
    /// the whole value.
    Json {
        /// The text.
        text: Cow<'a, str>,
        /// Whether the text is the value byte for byte. Otherwise the log stores the bytes too.
        exact: bool,
    },
    /// The value can never be JSON.
    Rejected(Rejection),
}

/// The prefix that a schema registry's serializer puts before a value.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// 0x00, then the schema's id in four bytes, big-endian (Confluent's wire format).
    Confluent {
        /// The schema's id.
        schema: u32,
        /// The bytes after the prefix.
        body: &'a [u8],
    },
    /// 0x03, a byte for compression (0 none, 5 zlib), then 16 bytes of the schema version's UUID
    /// (AWS Glue).
    Glue {
        /// Whether the body is compressed with zlib.
        zlib: bool,
        /// The schema version's UUID.
        schema: uuid::Uuid,
        /// The bytes after the prefix.
        body: &'a [u8],
    },
}

impl<'a> Frame<'a> {
    /// Returns the frame of a value, or `None`. No JSON text begins with the bytes of a frame.
    pub fn of(value: &'a [u8]) -> Option<Self> {
        match *value {
            [0, a, b, c, d, ref body @ ..] => {
                Some(Self::Confluent { schema: u32::from_be_bytes([a, b, c, d]), body })
            }
            [3, compression @ (0 | 5), ref rest @ ..] if rest.len() >= 16 => {
                let (id, body) = rest.split_at(16);
                Some(Self::Glue {
                    zlib: compression == 5,
                    schema: uuid::Uuid::from_slice(id).unwrap_or_default(),
                    body,
                })
            }
            _ => None,
        }
    }

    /// Returns the framed bytes, decompressed when Glue's serializer compressed them. Fails when
    /// the result is longer than `limit` bytes.
    pub fn body(&self, limit: usize) -> Result<Cow<'a, [u8]>, DecodeError> {
        match *self {
            Self::Confluent { body, .. } | Self::Glue { zlib: false, body, .. } => {
                Ok(Cow::Borrowed(body))
            }
            Self::Glue { body, .. } => {
                let mut out = Vec::new();
                let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
                let read = flate2::read::ZlibDecoder::new(body).take(most).read_to_end(&mut out);
                read.map_err(|e| DecodeError(format!("the Glue-framed value is not zlib: {e}")))?;
                if out.len() > limit {
                    return Err(DecodeError(format!(
                        "the Glue-framed value has more than {limit} bytes after decompression"
                    )));
                }
                Ok(Cow::Owned(out))
            }
        }
    }
}

/// Maximum bytes of a value after decompression.
pub const INFLATED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The header of a value that its sender could not convert. The value is then the original bytes,
/// even if they look like JSON. The header is a text `FILE:LINE: REASON`.
pub const ERROR_HEADER: &str = "weir-error";
/// Maximum characters of the reason that are kept.
const REASON_CHARS_MAX: usize = 1_000;

/// Returns the rejection of a record that its sender marked with [`ERROR_HEADER`], or `None`.
pub fn sender_error(record: &Record<'_>) -> Option<Rejection> {
    let header = record.headers.0.iter().rev().find(|header| header.name == ERROR_HEADER)?;
    let reason = String::from_utf8_lossy(header.value.unwrap_or_default());
    let reason =
        reason.chars().take(REASON_CHARS_MAX).collect::<String>().replace(['\n', '\r'], " ");
    Some(Rejection::new(
        ErrorClass::Unreadable,
        if reason.is_empty() {
            "the sender could not convert the record".to_owned()
        } else {
            reason
        },
    ))
}

/// Opens a record's value. `decoder` is the decoder for the record's topic, if a plugin has one.
pub fn open<'a>(record: &Record<'a>, decoder: Option<&dyn Decoder>) -> Opened<'a> {
    if let Some(fault) = record.bad_base64 {
        return Opened::Rejected(Rejection::new(ErrorClass::BadBase64, fault));
    }
    let Some(value) = record.value else { return Opened::Tombstone };
    if let Some(decoder) = decoder {
        return match decoder.decode(value, &record.headers, record.topic) {
            Ok(text) => Opened::Json { text: Cow::Owned(text), exact: false },
            Err(error) => Opened::Rejected(Rejection::new(
                ErrorClass::Decoder,
                format!("decoder {}: {error}", decoder.name()),
            )),
        };
    }
    match (Frame::of(value), record.schema.and_then(|s| s.format)) {
        (Some(frame), _) => framed(&frame),
        (None, Some(format @ (SchemaFormat::Avro | SchemaFormat::Protobuf)))
            if !looks_like_json(value) =>
        {
            let id = record.schema.map_or("", |s| s.id.as_str());
            Opened::Rejected(Rejection::new(
                ErrorClass::NoDecoder,
                format!("the value is {format:?} (schema {id}), but the topic has no decoder"),
            ))
        }
        (None, _) => match std::str::from_utf8(value) {
            Ok(text) => Opened::Json { text: Cow::Borrowed(text), exact: true },
            Err(e) => Opened::Rejected(Rejection::new(
                ErrorClass::InvalidUtf8,
                format!("the value is not UTF-8: {e}"),
            )),
        },
    }
}

fn framed<'a>(frame: &Frame<'a>) -> Opened<'a> {
    let body = match frame.body(INFLATED_BYTES_MAX) {
        Ok(body) => body,
        Err(error) => {
            return Opened::Rejected(Rejection::new(ErrorClass::BadFrame, error.to_string()));
        }
    };
    let text = match body {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    };
    match text {
        Some(text) if looks_like_json(text.as_bytes()) => Opened::Json { text, exact: false },
        _ => {
            let schema = match frame {
                Frame::Confluent { schema, .. } => format!("Confluent's frame, schema {schema}"),
                Frame::Glue { schema, .. } => format!("Glue's frame, schema version {schema}"),
            };
            Opened::Rejected(Rejection::new(
                ErrorClass::NoDecoder,
                format!("the value is Avro or Protobuf ({schema}), but the topic has no decoder"),
            ))
        }
    }
}

/// Returns whether the first byte that is not white space can begin JSON.
///
/// Avro may begin with such a byte by chance. The record is then rejected because it is not valid
/// JSON, which is also true.
fn looks_like_json(bytes: &[u8]) -> bool {
    let first = bytes.iter().find(|b| !b.is_ascii_whitespace());
    first.is_some_and(|b| matches!(b, b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n'))
}
