//! One field from its text.

use bytes::BytesMut;

use super::damaged;
use crate::{
    DumpError, instant,
    rows::put,
    source::{Column, Kind},
};

/// Appends a field that stands as text, as JSON's string or CSV has it.
pub(super) fn from_text(out: &mut BytesMut, column: &Column, text: &str) -> Result<(), DumpError> {
    let wrong = || damaged(format!("column {} holds what is no {}", column.name, column.type_name));
    match column.kind {
        Kind::Text | Kind::Json | Kind::Other => put(out, Some(text.as_bytes())),
        Kind::Jsonb => put(out, Some(&[b"\x01", text.as_bytes()].concat())),
        Kind::Int4 => put(out, Some(&text.parse::<i32>().map_err(|_| wrong())?.to_be_bytes())),
        Kind::Int8 => put(out, Some(&text.parse::<i64>().map_err(|_| wrong())?.to_be_bytes())),
        Kind::Float8 => put(out, Some(&number(text).ok_or_else(wrong)?.to_be_bytes())),
        Kind::Bool => put(out, Some(&[u8::from(text.parse::<bool>().map_err(|_| wrong())?)])),
        Kind::Instant => put(out, Some(&instant::parse(text).ok_or_else(wrong)?.to_be_bytes())),
        Kind::Uuid => put(out, Some(uuid::Uuid::try_parse(text).map_err(|_| wrong())?.as_bytes())),
        Kind::Bytes => put(out, Some(&base64_simd::STANDARD.decode_to_vec(text).map_err(|_| wrong())?)),
    }
}

fn number(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => text.parse().ok().filter(|n: &f64| n.is_finite()),
    }
}
