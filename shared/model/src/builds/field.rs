//! Reads one member of a build. An odd type is accepted where possible, so that the build is
//! stored. Otherwise the rejection names the member.

use std::borrow::Cow;

use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{
    ErrorClass, Micros, Problems, Rejection, json_text::refused_by_jsonb, outcome::excerpt, pointer,
};

/// A member as raw JSON text. `None` when the member is missing or null.
pub(super) type Raw<'a> = Option<&'a RawValue>;

fn invalid(name: &str, fault: &str, raw: &RawValue) -> Rejection {
    Rejection::new(ErrorClass::InvalidBuild, format!("{name} {fault}: {}", excerpt(raw.get())))
}

/// Returns whether JavaScript treats the value as false: missing, null, false, 0 or "".
pub(super) fn is_falsy(raw: Raw<'_>) -> bool {
    raw.is_none_or(|raw| match raw.get() {
        "null" | "false" | "\"\"" => true,
        text => text.parse::<f64>().is_ok_and(|number| number == 0.0),
    })
}

pub(super) fn is_object(raw: &RawValue) -> bool {
    raw.get().starts_with('{')
}

/// Returns the text of a string. Returns any other value as it is written, so that an odd type does
/// not cause a rejection.
pub(super) fn text<'a>(name: &str, raw: Raw<'a>) -> Result<Option<Cow<'a, str>>, Rejection> {
    let Some(raw) = raw else { return Ok(None) };
    let json = raw.get();
    let text = if !json.starts_with('"') {
        Cow::Borrowed(json)
    } else if let Ok(text) = serde_json::from_str::<&str>(json) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(
            serde_json::from_str(json)
                .map_err(|e| Rejection::new(ErrorClass::InvalidBuild, format!("{name}: {e}")))?,
        )
    };
    if text.contains('\0') {
        return Err(invalid(
            name,
            "contains \\u0000, which PostgreSQL's text does not accept",
            raw,
        ));
    }
    Ok(Some(text))
}

/// Returns a text that is not empty.
fn filled<'a>(name: &str, raw: Raw<'a>) -> Result<Option<Cow<'a, str>>, Rejection> {
    Ok(text(name, raw)?.filter(|t| !t.is_empty()))
}

/// Reads a UUID in upper or lower case.
pub(super) fn uuid(name: &str, raw: Raw<'_>) -> Result<Option<Uuid>, Rejection> {
    let (Some(text), Some(raw)) = (filled(name, raw)?, raw) else { return Ok(None) };
    Uuid::parse_str(&text).map(Some).map_err(|_| invalid(name, "is not a UUID", raw))
}

pub(super) fn required_uuid(name: &str, raw: Raw<'_>) -> Result<Uuid, Rejection> {
    uuid(name, raw)?
        .ok_or_else(|| Rejection::new(ErrorClass::InvalidBuild, format!("{name} is missing")))
}

/// Reads a whole number, or a text that holds one.
pub(super) fn integer(name: &str, raw: Raw<'_>) -> Result<Option<i64>, Rejection> {
    let (Some(text), Some(raw)) = (filled(name, raw)?, raw) else { return Ok(None) };
    whole(&text).map(Some).ok_or_else(|| invalid(name, "is not a 64-bit integer", raw))
}

/// Reads a whole number of 32 bits, or a text that holds one.
pub(super) fn small_integer(name: &str, raw: Raw<'_>) -> Result<Option<i32>, Rejection> {
    let (Some(number), Some(raw)) = (integer(name, raw)?, raw) else { return Ok(None) };
    i32::try_from(number).map(Some).map_err(|_| invalid(name, "is not a 32-bit integer", raw))
}

fn whole(text: &str) -> Option<i64> {
    if let Ok(number) = text.trim().parse() {
        return Some(number);
    }
    // 1e3 and 5.0 are whole numbers too, exact up to 2^53.
    let number: f64 = text.trim().parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and below 2^53")]
    (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0).then_some(number as i64)
}

/// Returns true for true, 1, and texts that hold one of them. Returns false for everything else.
pub(super) fn boolean(raw: Raw<'_>) -> bool {
    raw.and_then(pointer::scalar).is_some_and(|text| {
        let text = text.trim_ascii();
        text.eq_ignore_ascii_case("true")
            || text.parse::<f64>().is_ok_and(|number| (number - 1.0).abs() < f64::EPSILON)
    })
}

/// Returns the JSON text for a `jsonb` column.
pub(super) fn json<'a>(name: &str, raw: Raw<'a>) -> Result<Option<&'a str>, Rejection> {
    match raw.map(RawValue::get) {
        None | Some("null") => Ok(None),
        Some(text) if refused_by_jsonb(text) => Err(Rejection::new(
            ErrorClass::InvalidBuild,
            format!("{name} contains data that PostgreSQL's jsonb does not accept"),
        )),
        Some(text) => Ok(Some(text)),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// The sender does not name the unit. The size of the number decides.
    BySize,
    /// The contract says milliseconds.
    Milliseconds,
}

/// Reads an instant that a sender wrote as a number or a text.
pub(super) fn time(
    name: &str,
    raw: Raw<'_>,
    unit: Unit,
    problems: &mut Problems,
) -> Result<Option<Micros>, Rejection> {
    let (Some(text), Some(raw)) = (filled(name, raw)?, raw) else { return Ok(None) };
    if unit == Unit::Milliseconds && text.trim().parse::<f64>().is_ok() {
        let instant = whole(&text).and_then(Micros::from_millis);
        let wrong =
            || invalid(name, "is not an integer of milliseconds between the years 0 and 9999", raw);
        return instant.map(Some).ok_or_else(wrong);
    }
    let read = Micros::read(text.trim())
        .ok_or_else(|| invalid(name, "is not a time between the years 0 and 9999", raw))?;
    problems.zone(name, read);
    Ok(Some(read.at))
}
