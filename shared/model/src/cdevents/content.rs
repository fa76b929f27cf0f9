//! Checks `subject.content` against the schema of the event's type. The SDK of the CDEvents project
//! has the schemas of versions 0.3 to 0.6-draft. Custom types have no schema.

use serde_json::{Value, value::RawValue};

use crate::{Problems, outcome::shortened};

pub(super) fn check(kind: &str, content: Option<&RawValue>, problems: &mut Problems) {
    if kind.starts_with("dev.cdeventsx.") {
        return;
    }
    let Some(content) = content else { return problems.add("subject.content is missing") };
    let value = match serde_json::from_str::<Value>(content.get()) {
        Ok(value @ Value::Object(_)) => value,
        Ok(_) => return problems.add("subject.content is not an object"),
        Err(error) => return problems.add(format_args!("subject.content: {}", shortened(&error))),
    };
    let kind = kind.strip_suffix("-draft").unwrap_or(kind);
    if let Err(error) = cdevents_sdk::Content::from_json(kind, value) {
        let message = shortened(&error).to_string();
        // The SDK's error for a type that it has no schema for.
        if message.starts_with("unknown variant `dev.cdevents.") {
            problems.add("context.type has an unknown version");
        } else {
            problems.add(format_args!("subject.content: {message}"));
        }
    }
}
