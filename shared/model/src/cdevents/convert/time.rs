//! Instants as senders write them, as RFC 3339.

use serde_json::Value;

use crate::Micros;

/// The first of these members that is an instant: RFC 3339, seconds since 1970, or as GitLab also writes them
/// (`2016-08-12 15:23:28 UTC`, `2021-04-28 21:50:00 +0200`).
pub(super) fn first(body: &Value, pointers: &[&str]) -> Option<String> {
    pointers.iter().find_map(|pointer| instant(body.pointer(pointer)?))
}

fn instant(value: &Value) -> Option<String> {
    let micros = match value {
        Value::Number(seconds) => Micros::from_millis(seconds.as_i64()?.checked_mul(1000)?)?,
        Value::String(text) => {
            let text = text.trim();
            Micros::from_rfc3339(text).or_else(|| Micros::from_rfc3339(&with_offset(text)?))?
        }
        _ => return None,
    };
    Some(micros.rfc3339_millis())
}

fn with_offset(text: &str) -> Option<String> {
    if let Some(moment) = text.strip_suffix(" UTC") {
        return Some(format!("{moment}Z"));
    }
    let (moment, offset) = text.rsplit_once(' ')?;
    let (hours, minutes) = offset.split_at_checked(3)?;
    Some(format!("{moment}{hours}:{minutes}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn instants_in_many_hands() {
        for (value, expected) in [
            (json!("2016-08-12 15:23:28 UTC"), Some("2016-08-12T15:23:28.000Z")),
            (json!("2021-04-28 21:50:00 +0200"), Some("2021-04-28T19:50:00.000Z")),
            (json!("2023-01-02T03:04:05+01:00"), Some("2023-01-02T02:04:05.000Z")),
            (json!(1_673_000_000), Some("2023-01-06T10:13:20.000Z")),
            (json!("yesterday"), None),
            (json!("a é"), None),
            (json!(null), None),
        ] {
            assert_eq!(instant(&value).as_deref(), expected, "{value}");
        }
    }
}
