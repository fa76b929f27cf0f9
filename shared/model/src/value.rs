//! A value's way to JSON text: plain, out of a schema registry's frame, or through a [`Decoder`].

use std::{borrow::Cow, io::Read};

use crate::{Headers, Record, Rejection, SchemaFormat, record::BAD_BASE64};

/// Turns the values of some topics into JSON: Avro, Protobuf, whatever a platform speaks.
pub trait Decoder: Send + Sync + 'static {
    /// The name, for error messages.
    fn name(&self) -> &str;

    /// Whether values of this topic are its business.
    fn decodes(&self, topic: &str) -> bool;

    /// The JSON text of a value. `bytes` is the whole value, its frame included: [`Frame::of`]
    /// takes that off. Must not panic: a function built by cargo-lambda aborts on panic.
    fn decode(
        &self,
        bytes: &[u8],
        headers: &Headers<'_>,
        topic: &str,
    ) -> Result<String, DecodeError>;
}

/// Why a decoder could not read a value: the record goes to `failures` with this line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(pub String);

/// A value that is JSON text, or none.
#[derive(Debug)]
pub enum Opened<'a> {
    /// The value is null.
    Tombstone,
    /// JSON text, not yet checked to be JSON. Borrowed and `exact` when it is the whole value.
    Json {
        /// The text.
        text: Cow<'a, str>,
        /// Whether the text is the value byte for byte; else the log keeps the bytes beside it.
        exact: bool,
    },
    /// It can never be JSON.
    Rejected(Rejection),
}

/// A schema registry's prefix.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// 0x00, then the schema's id in four bytes, big-endian (Confluent's wire format).
    Confluent {
        /// The schema's id.
        schema: u32,
        /// The rest.
        body: &'a [u8],
    },
    /// 0x03, a byte for compression (0 none, 5 zlib), 16 bytes of the schema version's UUID (AWS
    /// Glue).
    Glue {
        /// Whether the body is zlib.
        zlib: bool,
        /// The schema version's UUID.
        schema: uuid::Uuid,
        /// The rest.
        body: &'a [u8],
    },
}

impl<'a> Frame<'a> {
    /// The frame of a value, if it has one. No JSON begins with these bytes.
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

    /// The framed bytes, inflated where Glue's serializer compressed them; at most `limit` bytes.
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
                        "the Glue-framed value inflates to more than {limit} bytes"
                    )));
                }
                Ok(Cow::Owned(out))
            }
        }
    }
}

/// The largest value that a compressed frame may unfold to.
pub const INFLATED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The header of a value that its sender could not convert: the value is its original bytes,
/// whatever they look like. Text, as `FILE:LINE: REASON`.
pub const ERROR_HEADER: &str = "weir-error";
/// The class of the rejection of such a value.
pub const UNREADABLE: &str = "unreadable";
/// The longest reason that is kept, characters.
const REASON_CHARS_MAX: usize = 1_000;

/// Why a record that comes from outside is no event, where its sender said so with
/// [`ERROR_HEADER`].
pub fn sender_error(record: &Record<'_>) -> Option<Rejection> {
    let header = record.headers.0.iter().rev().find(|header| header.name == ERROR_HEADER)?;
    let reason = String::from_utf8_lossy(header.value.unwrap_or_default());
    let reason =
        reason.chars().take(REASON_CHARS_MAX).collect::<String>().replace(['\n', '\r'], " ");
    Some(Rejection::new(
        UNREADABLE,
        if reason.is_empty() { "its sender could not convert it".to_owned() } else { reason },
    ))
}

/// Opens a record's value. `decoder` is the one for the record's topic, if the plugin list has any.
pub fn open<'a>(record: &Record<'a>, decoder: Option<&dyn Decoder>) -> Opened<'a> {
    if let Some(fault) = record.bad_base64 {
        return Opened::Rejected(Rejection::new(BAD_BASE64, fault));
    }
    let Some(value) = record.value else { return Opened::Tombstone };
    if let Some(decoder) = decoder {
        return match decoder.decode(value, &record.headers, record.topic) {
            Ok(text) => Opened::Json { text: Cow::Owned(text), exact: false },
            Err(error) => Opened::Rejected(Rejection::new(
                "decoder",
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
                "no_decoder",
                format!(
                    "the value is {format:?} (schema {id}) and no decoder is bound to the topic"
                ),
            ))
        }
        (None, _) => match std::str::from_utf8(value) {
            Ok(text) => Opened::Json { text: Cow::Borrowed(text), exact: true },
            Err(e) => Opened::Rejected(Rejection::new(
                "invalid_utf8",
                format!("the value is not UTF-8: {e}"),
            )),
        },
    }
}

fn framed<'a>(frame: &Frame<'a>) -> Opened<'a> {
    let body = match frame.body(INFLATED_BYTES_MAX) {
        Ok(body) => body,
        Err(error) => return Opened::Rejected(Rejection::new("bad_frame", error.to_string())),
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
                "no_decoder",
                format!(
                    "the value is Avro or Protobuf ({schema}) and no decoder is bound to the topic"
                ),
            ))
        }
    }
}

/// Whether the first byte that is no white space can begin JSON. Avro may begin so by chance; it
/// then fails as JSON, with a reason that is as true.
fn looks_like_json(bytes: &[u8]) -> bool {
    let first = bytes.iter().find(|b| !b.is_ascii_whitespace());
    first.is_some_and(|b| matches!(b, b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n'))
}
