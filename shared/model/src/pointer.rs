//! JSON pointers (RFC 6901) into a JSON text, without copying it.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Returns the raw values at the pointers in `json`, found in one pass.
///
/// A result is `None` when the text has no such value. All results are `None` when the object or
/// list is broken. Text after its end is not checked.
pub fn find<'a, const N: usize>(
    json: &'a str,
    pointers: [Option<&str>; N],
) -> [Option<&'a RawValue>; N] {
    let (found, whole) = look(json, pointers);
    if whole { found } else { [None; N] }
}

/// Like [`find`], for a text that may be broken. Returns the values before the first syntax error.
pub fn find_before_fault<'a, const N: usize>(
    json: &'a str,
    pointers: [Option<&str>; N],
) -> [Option<&'a RawValue>; N] {
    look(json, pointers).0
}

/// Returns the found values, and whether the text is valid.
fn look<'a, const N: usize>(
    json: &'a str,
    pointers: [Option<&str>; N],
) -> ([Option<&'a RawValue>; N], bool) {
    let mut found = [None; N];
    if pointers.iter().all(Option::is_none) {
        return (found, true);
    }
    let steps = pointers.map(|p| {
        p?.strip_prefix('/')
            .map(|p| p.split_once('/').map_or((p, None), |(token, rest)| (token, Some(rest))))
    });
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let whole = deserializer
        .deserialize_any(Step {
            tokens: steps.map(|s| s.map(|(token, _)| token)),
            found: &mut found,
        })
        .is_ok();
    for (slot, rest) in found.iter_mut().zip(steps.map(|s| s.and_then(|(_, rest)| rest))) {
        if let (Some(raw), Some(rest)) = (*slot, rest) {
            *slot = find(raw.get(), [Some(&format!("/{rest}"))])[0];
        }
    }
    (found, whole)
}

/// Returns the text of a string, or a number or boolean as it is written. `None` for other values
/// and for a text that PostgreSQL refuses.
pub fn scalar(value: &RawValue) -> Option<Cow<'_, str>> {
    let json = value.get();
    match json.as_bytes().first()? {
        b'"' => {
            let text = match serde_json::from_str::<&str>(json) {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => Cow::Owned(serde_json::from_str::<String>(json).ok()?),
            };
            (!text.contains('\0')).then_some(text)
        }
        b'n' | b'{' | b'[' => None,
        _ => Some(Cow::Borrowed(json)),
    }
}

/// Reads one level of the text. Of members with the same name, the last one counts, as in other
/// JSON parsers.
struct Step<'t, 'f, 'de, const N: usize> {
    tokens: [Option<&'t str>; N],
    found: &'f mut [Option<&'de RawValue>; N],
}

impl<'de, const N: usize> Step<'_, '_, 'de, N> {
    fn keep(&mut self, matches: [bool; N], raw: &'de RawValue) {
        for (slot, matches) in self.found.iter_mut().zip(matches) {
            if matches {
                *slot = Some(raw);
            }
        }
    }
}

impl<'de, const N: usize> Visitor<'de> for Step<'_, '_, 'de, N> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(matches) = map.next_key_seed(Names(self.tokens))? {
            if matches.contains(&true) {
                self.keep(matches, map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        let indexes = self.tokens.map(|token| index(token?));
        for at in 0.. {
            let matches = indexes.map(|i| i == Some(at));
            if matches.contains(&true) {
                match seq.next_element()? {
                    Some(raw) => self.keep(matches, raw),
                    None => break,
                }
            } else if seq.next_element::<IgnoredAny>()?.is_none() {
                break;
            }
        }
        Ok(())
    }
}

/// Parses an array index of RFC 6901: digits without leading zeros.
fn index(token: &str) -> Option<usize> {
    let digits =
        token.bytes().all(|b| b.is_ascii_digit()) && (token == "0" || !token.starts_with('0'));
    if digits { token.parse().ok() } else { None }
}

/// Compares a member's name with the tokens. It compares bytes, because a name with a lone
/// surrogate is not a `str`.
struct Names<'t, const N: usize>([Option<&'t str>; N]);

impl<'de, const N: usize> DeserializeSeed<'de> for Names<'_, N> {
    type Value = [bool; N];
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl<const N: usize> Visitor<'_> for Names<'_, N> {
    type Value = [bool; N];
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_bytes<E>(self, v: &[u8]) -> Result<Self::Value, E> {
        Ok(self.0.map(|token| {
            token.is_some_and(|t| {
                if t.contains('~') {
                    t.replace("~1", "/").replace("~0", "~").as_bytes() == v
                } else {
                    t.as_bytes() == v
                }
            })
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_through_objects_and_lists() {
        let json = r#"{"a":{"b/c":[1,{"~":"x"}]},"\ud800":1,"\u00e9":2,"a2":null,"e":1,"e":{"x":3},"":{"":4}}"#;
        for (pointer, expected) in [
            ("/a/b~1c/0", Some("1")),
            ("/a/b~1c/1/~0", Some("\"x\"")),
            ("/é", Some("2")),
            ("/a2", Some("null")),
            ("/a/x", None),
            ("/a/b~1c/7", None),
            ("/a/b~1c/00", None),
            ("/a/b~1c/+1", None),
            ("/a/b~1c/-", None),
            ("/a2/b", None),
            ("/e/x", Some("3")),
            ("//", Some("4")),
            ("a", None),
        ] {
            assert_eq!(find(json, [Some(pointer)])[0].map(RawValue::get), expected, "{pointer}");
        }
    }

    #[test]
    fn several_are_found_in_one_pass() {
        let found =
            find(r#"{"a":{"b":1,"c":[2,3]}}"#, [Some("/a/c/1"), None, Some("/a"), Some("/a/b")])
                .map(|raw| raw.map(RawValue::get));
        assert_eq!(found, [Some("3"), None, Some(r#"{"b":1,"c":[2,3]}"#), Some("1")]);
    }

    #[test]
    fn before_a_fault_something_may_be_found() {
        let cut = r#"{"id":"a","at":{"b":7},"kind":"ma"#;
        let found = find_before_fault(cut, [Some("/id"), Some("/at/b"), Some("/kind")])
            .map(|raw| raw.map(RawValue::get));
        assert_eq!(found, [Some("\"a\""), Some("7"), None]);
        assert_eq!(find(cut, [Some("/id")])[0].map(RawValue::get), None);
    }

    #[test]
    fn nothing_is_found_in_a_value_that_is_not_an_object() {
        for json in ["{", "", "[1", "7", "null", r#""\ud800""#, "\u{0}"] {
            assert_eq!(find(json, [Some("/a")])[0].map(RawValue::get), None, "{json}");
        }
    }
}
