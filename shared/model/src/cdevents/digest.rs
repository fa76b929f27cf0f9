//! A digest of JSON, to find out whether two events have the same content. It does not depend on
//! white space, on the order of members or on the spelling of a number.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use xxhash_rust::xxh3::xxh3_128;

use super::members::MemberName;

/// Returns the digest of a JSON text. If the text contains a number beyond the range of a double,
/// the digest covers the bytes of the text.
pub(super) fn of(json: &str) -> u128 {
    serde_json::from_str::<Digest>(json)
        .map_or_else(|_| xxh3_128(json.as_bytes()), |digest| digest.0)
}

struct Digest(u128);

impl Digest {
    fn tagged(tag: u8, parts: &[&[u8]]) -> Self {
        let mut bytes = Vec::with_capacity(1 + parts.iter().map(|p| p.len()).sum::<usize>());
        bytes.push(tag);
        for part in parts {
            bytes.extend_from_slice(part);
        }
        Self(xxh3_128(&bytes))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DigestVisitor)
    }
}

struct DigestVisitor;

impl<'de> Visitor<'de> for DigestVisitor {
    type Value = Digest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Digest, E> {
        Ok(Digest::tagged(b'n', &[]))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Digest, E> {
        Ok(Digest::tagged(b'b', &[&[value.into()]]))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Digest, E> {
        Ok(Digest::tagged(b'i', &[&i128::from(value).to_be_bytes()]))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Digest, E> {
        Ok(Digest::tagged(b'i', &[&i128::from(value).to_be_bytes()]))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Digest, E> {
        // A whole double below 2^53 has the same digest as the integer.
        #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
        if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
            return self.visit_i64(value as i64);
        }
        Ok(Digest::tagged(b'f', &[&value.to_be_bytes()]))
    }

    fn visit_str<E>(self, value: &str) -> Result<Digest, E> {
        Ok(Digest::tagged(b's', &[value.as_bytes()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Digest, A::Error> {
        let mut all = Vec::new();
        while let Some(Digest(element)) = seq.next_element()? {
            all.extend_from_slice(&element.to_be_bytes());
        }
        Ok(Digest::tagged(b'a', &[&all]))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Digest, A::Error> {
        // A sum does not depend on the order of its parts.
        let mut sum = 0_u128;
        while let Some(MemberName(name)) = map.next_key()? {
            let Digest(member) = map.next_value()?;
            let length = u64::try_from(name.len()).unwrap_or(u64::MAX).to_be_bytes();
            sum = sum.wrapping_add(
                Digest::tagged(b'm', &[&length, name.as_bytes(), &member.to_be_bytes()]).0,
            );
        }
        Ok(Digest::tagged(b'o', &[&sum.to_be_bytes()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_it_is_written_does_not_matter() {
        let one = of(r#"{"a":[1,{"b":"é"}],"c":-2.50,"d":null,"e":1}"#);
        assert_eq!(
            one,
            of("{ \"e\" : 1.0, \"c\": -2.5,\n\"d\":null, \"a\":[1e0,{\"b\":\"\\u00e9\"}] }")
        );
    }

    #[test]
    fn what_it_says_does() {
        let all = [
            "1",
            "\"1\"",
            "1.5",
            "true",
            "null",
            "{}",
            "[]",
            "[[]]",
            "[1,2]",
            "[2,1]",
            r#"{"a":"b"}"#,
            r#"{"b":"a"}"#,
            r#"{"a":1,"b":2}"#,
            r#"{"a":2,"b":1}"#,
            "1e400",
            "1e401",
        ];
        for (n, a) in all.iter().enumerate() {
            for b in &all[n + 1..] {
                assert_ne!(of(a), of(b), "{a} {b}");
            }
        }
    }
}
