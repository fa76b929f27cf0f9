//! The single values in the event JSON: texts, numbers, bytes.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize,
    de::{self, Deserializer, Error as _, SeqAccess, Visitor},
};

use crate::outcome::excerpt;

/// A text, borrowed when it has no escape. (`Option<Cow<str>>` never borrows.)
#[derive(Debug)]
pub(crate) struct Text<'a>(pub Cow<'a, str>);

/// A whole number. Old samples have the partition as a string.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number(pub i64);

/// A header's name, the only text of the event that a producer chooses freely. An escape that is
/// not a character (a lone surrogate) becomes U+FFFD, so that it does not fail the whole batch.
pub(super) struct HeaderName<'a>(pub Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for HeaderName<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = HeaderName<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a header's name")
            }
            fn visit_borrowed_bytes<E>(self, v: &'de [u8]) -> Result<Self::Value, E> {
                Ok(HeaderName(String::from_utf8_lossy(v)))
            }
            fn visit_bytes<E>(self, v: &[u8]) -> Result<Self::Value, E> {
                Ok(HeaderName(Cow::Owned(String::from_utf8_lossy(v).into_owned())))
            }
        }
        deserializer.deserialize_bytes(NameVisitor)
    }
}

/// Java's signed bytes (-128…127). A poller in another language would write 128…255, which is
/// accepted too.
pub(super) struct SignedBytes(pub Vec<u8>);

impl<'de> Deserialize<'de> for SignedBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BytesVisitor;
        impl<'de> Visitor<'de> for BytesVisitor {
            type Value = SignedBytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of bytes, -128 to 127")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<SignedBytes, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = seq.next_element::<i16>()? {
                    let byte =
                        i8::try_from(byte).map(i8::cast_unsigned).or_else(|_| u8::try_from(byte));
                    bytes.push(byte.map_err(|_| {
                        A::Error::custom("a byte of a header is outside -128 to 255")
                    })?);
                }
                Ok(SignedBytes(bytes))
            }
        }
        deserializer.deserialize_seq(BytesVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(v)))
            }
            fn visit_str<E>(self, v: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(v.to_owned())))
            }
            fn visit_u64<E>(self, v: u64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(v.to_string())))
            }
        }
        // `deserialize_any`, because a registry's id may be a number.
        deserializer.deserialize_any(TextVisitor)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;
        impl Visitor<'_> for NumberVisitor {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a 64-bit integer")
            }
            fn visit_i64<E>(self, v: i64) -> Result<Number, E> {
                Ok(Number(v))
            }
            fn visit_u64<E: de::Error>(self, v: u64) -> Result<Number, E> {
                i64::try_from(v)
                    .map(Number)
                    .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(v), &self))
            }
            fn visit_str<E: de::Error>(self, v: &str) -> Result<Number, E> {
                v.parse()
                    .map(Number)
                    .map_err(|_| E::custom(format_args!("{} is not a 64-bit integer", excerpt(v))))
            }
        }
        deserializer.deserialize_any(NumberVisitor)
    }
}
