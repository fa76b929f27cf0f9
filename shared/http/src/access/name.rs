//! The name of a key, in the list and in the log.

use std::{fmt, str::FromStr, sync::Arc};

const LENGTH_MAX: usize = 64;

/// The name of a key, 1 to 64 of `a-z0-9_-`.
///
/// [`authorized`](super::authorized) puts the name of the presented key into the extensions of the
/// request and of the response.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyName(Arc<str>);

impl FromStr for KeyName {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, &'static str> {
        let plain = text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
        let fits = (1..=LENGTH_MAX).contains(&text.len());
        if plain && fits {
            Ok(Self(text.into()))
        } else {
            Err("a key's name must have 1 to 64 characters of a-z, 0-9, _ and -")
        }
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_short() {
        for text in ["a", "ci-2_x", "0", &"x".repeat(64)] {
            assert_eq!(text.parse::<KeyName>().unwrap().to_string(), text);
        }
        for text in ["", "A", "a b", "a#", "ä", "a\n", "a/b", &"x".repeat(65)] {
            assert!(text.parse::<KeyName>().is_err(), "{text}");
        }
    }
}
