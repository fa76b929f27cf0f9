//! Decodes one field from its text.

use bytes::BytesMut;

use super::damaged;
use crate::{
    DumpError,
    copy_format::put,
    table::{SqlType, TableColumn},
    timestamp_text,
};

/// Appends a field from the text of a JSON string or a CSV field.
pub(super) fn from_text(
    out: &mut BytesMut,
    column: &TableColumn,
    text: &str,
) -> Result<(), DumpError> {
    let wrong = || {
        damaged(format!(
            "column {} has a value that is not of type {}",
            column.name, column.type_name
        ))
    };
    match column.sql_type {
        SqlType::Text | SqlType::Json | SqlType::Other => put(out, Some(text.as_bytes())),
        SqlType::Jsonb => put(out, Some(&[b"\x01", text.as_bytes()].concat())),
        SqlType::Int4 => put(out, Some(&text.parse::<i32>().map_err(|_| wrong())?.to_be_bytes())),
        SqlType::Int8 => put(out, Some(&text.parse::<i64>().map_err(|_| wrong())?.to_be_bytes())),
        SqlType::Float8 => put(out, Some(&number(text).ok_or_else(wrong)?.to_be_bytes())),
        SqlType::Bool => put(out, Some(&[u8::from(text.parse::<bool>().map_err(|_| wrong())?)])),
        SqlType::Timestamp => {
            put(out, Some(&timestamp_text::parse(text).ok_or_else(wrong)?.to_be_bytes()))
        }
        SqlType::Uuid => {
            put(out, Some(uuid::Uuid::try_parse(text).map_err(|_| wrong())?.as_bytes()))
        }
        SqlType::Bytes => {
            put(out, Some(&base64_simd::STANDARD.decode_to_vec(text).map_err(|_| wrong())?))
        }
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
