//! Converts the instants of senders to RFC 3339.

use serde_json::Value;

use crate::Micros;

/// Returns the first of these members that is an instant: a number, RFC 3339, or one of GitLab's
/// spellings (`2016-08-12 15:23:28 UTC`, `2021-04-28 21:50:00 +0200`).
pub(super) fn first(body: &Value, pointers: &[&str]) -> Option<String> {
    pointers.iter().find_map(|pointer| instant(body.pointer(pointer)?))
}

fn instant(value: &Value) -> Option<String> {
    let read = match value {
        Value::Number(number) => Micros::read(&number.to_string()),
        Value::String(text) => Micros::read(text.trim()),
        _ => None,
    }?;
    let mut text = read.at.rfc3339_millis();
    if !read.has_zone {
        // Without the zone in the text, the reader of the event adds the finding too.
        text.truncate(text.len() - "Z".len());
    }
    Some(text)
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
            (json!("2023-01-02 03:04:05"), Some("2023-01-02T03:04:05.000")),
            (json!("yesterday"), None),
            (json!("a é"), None),
            (json!(null), None),
        ] {
            assert_eq!(instant(&value).as_deref(), expected, "{value}");
        }
    }
}
