//! An object's members as raw text. Each member is parsed only when it is used.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::outcome::excerpt;

/// The members in their order. If a member occurs twice, the last one counts, as in other JSON
/// parsers.
#[derive(Debug, Default)]
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Reads the members of an object. `None` for any other value. The text must be valid JSON.
    pub(super) fn of(raw: &'a RawValue) -> Option<Self> {
        if raw.get().starts_with('{') { serde_json::from_str(raw.get()).ok() } else { None }
    }

    /// Returns a member that exists and is not null.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0
            .iter()
            .rev()
            .find(|(n, _)| n == name)
            .map(|(_, raw)| *raw)
            .filter(|raw| raw.get() != "null")
    }

    /// Returns the text of a member that is a string.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).and_then(text)
    }

    /// Returns the members of a member that is an object.
    pub(super) fn object(&self, name: &str) -> Option<Members<'a>> {
        self.get(name).and_then(Members::of)
    }

    /// Returns the first name that is not in `known`, quoted.
    pub(super) fn unknown_member(&self, known: &[&str]) -> Option<String> {
        self.0
            .iter()
            .find(|(name, _)| !known.contains(&name.as_ref()))
            .map(|(name, _)| excerpt(name))
    }
}

/// Returns the text of a string.
pub(super) fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let json = raw.get();
    if !json.starts_with('"') {
        return None;
    }
    match serde_json::from_str::<&str>(json) {
        Ok(text) => Some(Cow::Borrowed(text)),
        Err(_) => serde_json::from_str(json).ok().map(Cow::Owned),
    }
}

/// Returns a number or a boolean as it is written.
pub(super) fn scalar(raw: &RawValue) -> Option<&str> {
    let json = raw.get();
    (!json.starts_with(['"', '{', '[', 'n'])).then_some(json)
}

/// A member's name, borrowed when it has no escape.
#[derive(serde::Deserialize)]
pub(super) struct MemberName<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::with_capacity(8);
                while let Some(MemberName(name)) = map.next_key()? {
                    all.push((name, map.next_value()?));
                }
                Ok(Members(all))
            }
        }
        deserializer.deserialize_map(Object)
    }
}
