//! A key, and its hash.

use std::fmt;

use base64_simd::URL_SAFE_NO_PAD;
use data_encoding::HEXLOWER_PERMISSIVE;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// The prefix makes a key recognizable, for example in a log or a repository.
const PREFIX: &str = "weir_";
const RANDOM_BYTES: usize = 32;
/// 32 bytes in base64 without padding.
const RANDOM_LENGTH: usize = 43;

/// A key as its holder has it: `weir_` and 32 random bytes in base64url without padding.
///
/// `Debug` does not print the key.
#[derive(Debug, Clone)]
pub struct Key(SecretString);

impl Key {
    /// Creates the key of these bytes, which come from the system's random number generator.
    pub fn new(random: [u8; RANDOM_BYTES]) -> Self {
        Self(SecretString::from([PREFIX, &URL_SAFE_NO_PAD.encode_to_string(random)].concat()))
    }

    /// Parses a key that a client sends; returns `None` for a text that is not a key of Weir.
    ///
    /// Other texts are refused even if the list contains their hash: a shorter key would need a
    /// slower hash than [`KeyHash`].
    pub fn parse(text: &str) -> Option<Self> {
        let random = text.strip_prefix(PREFIX)?;
        let plain = random.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        (plain && random.len() == RANDOM_LENGTH).then(|| Self(SecretString::from(text.to_owned())))
    }

    /// Returns the text of the key.
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }

    /// Returns the hash of the key, which the list stores.
    pub fn hash(&self) -> KeyHash {
        KeyHash(Sha256::digest(self.reveal()).into())
    }
}

/// The SHA-256 of a key, written `sha256:` and 64 hex digits.
///
/// The hash has no salt and one round. Salts and slow hashes protect against guessing, and 256
/// random bits cannot be guessed.
#[derive(Debug, Clone, Copy)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Parses a hash; returns `None` when the text is not `sha256:` and 64 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let hash = HEXLOWER_PERMISSIVE.decode(text.strip_prefix("sha256:")?.as_bytes()).ok()?;
        Some(Self(hash.try_into().ok()?))
    }
}

impl ConstantTimeEq for KeyHash {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0[..].ct_eq(&other.0[..])
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", HEXLOWER_PERMISSIVE.encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_looks_like_one_and_is_not_shown_by_chance() {
        let key = Key::new([0xff; 32]);
        assert_eq!(key.reveal(), ["weir_", &"_".repeat(42), "8"].concat());
        assert_eq!(Key::parse(key.reveal()).unwrap().reveal(), key.reveal());
        assert_eq!(format!("{key:?}"), "Key(SecretBox<str>([REDACTED]))");
    }

    #[test]
    fn others_are_no_keys() {
        let long = ["weir_", &"a".repeat(44)].concat();
        let odd = ["weir_", &"a".repeat(42), "+"].concat();
        let shouted = ["WEIR_", &"a".repeat(43)].concat();
        let spaced = ["weir_", &"a".repeat(43), " "].concat();
        for text in ["", "weir_", "secret", &"a".repeat(48), &long, &odd, &shouted, &spaced] {
            assert!(Key::parse(text).is_none(), "{text}");
        }
    }

    /// The expected hash is the output of `printf %s KEY | sha256sum`.
    #[test]
    fn the_hash_is_the_sha256_of_the_text() {
        let key = Key::new([0; 32]);
        assert_eq!(key.reveal(), ["weir_", &"A".repeat(43)].concat());
        let hash = key.hash().to_string();
        assert_eq!(hash, "sha256:17a6f629df918980374b824dad37f2ccadd82bf2047cc9304f4b25d28d56e9f7");
        let again =
            |text: &str| KeyHash::parse(text).map(|hash| bool::from(hash.ct_eq(&key.hash())));
        assert_eq!(again(&hash), Some(true));
        assert_eq!(again(&["sha256:", &hash[7..].to_uppercase()].concat()), Some(true));
        assert_eq!(again(&["sha256:", &"0".repeat(64)].concat()), Some(false));
        for text in [
            &hash[7..],
            &hash[..70],
            &format!("{hash}0"),
            &["sha256:", &"+0".repeat(32)].concat(),
            "md5:00",
            "",
        ] {
            assert_eq!(again(text), None, "{text}");
        }
    }
}
