//! Verifies the signature of a webhook.

use axum::http::{HeaderMap, HeaderName};
use base64_simd::{STANDARD, STANDARD_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::Secrets;

/// The encoding of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Two digits per byte, in lower or upper case.
    Hex,
    /// Base64 of RFC 4648, section 4.
    Base64,
}

/// The kind of a signature, with its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// HMAC-SHA256 of the body, in a header.
    Hmac {
        /// The header.
        header: HeaderName,
        /// The text before the signature in the header.
        prefix: String,
        /// The encoding of the signature.
        encoding: Encoding,
    },
    /// Not a signature: the secret itself, in a header.
    Token {
        /// The header.
        header: HeaderName,
    },
    /// HMAC-SHA256 of `id.time.body`, as defined by <https://www.standardwebhooks.com>.
    StandardWebhooks {
        /// The largest difference in seconds between the sender's clock and ours.
        tolerance_s: u32,
    },
    /// `GitLab`'s two methods: a signing token as in Standard Webhooks, or a secret token in
    /// `X-Gitlab-Token`.
    /// Source: <https://docs.gitlab.com/user/project/integrations/webhooks/>.
    GitLab {
        /// The largest difference in seconds between the sender's clock and ours.
        tolerance_s: u32,
    },
}

/// The reason why a signature was refused.
pub(crate) type Wrong = &'static str;

const MISSING: Wrong = "the signature is missing";
const WRONG: Wrong = "the signature is wrong";

impl Signature {
    /// Returns GitHub's signature: `X-Hub-Signature-256: sha256=<hex>`.
    /// Source: <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>.
    pub fn github() -> Self {
        Self::Hmac {
            header: HeaderName::from_static("x-hub-signature-256"),
            prefix: "sha256=".into(),
            encoding: Encoding::Hex,
        }
    }

    /// Checks that one of the secrets made the signature. `now_s` is the time in seconds since
    /// 1970.
    pub(crate) fn verify(
        &self,
        secrets: &Secrets,
        headers: &HeaderMap,
        body: &[u8],
        now_s: i64,
    ) -> Result<(), Wrong> {
        match self {
            Self::Hmac { header, prefix, encoding } => {
                let shown = text(headers, header)?.strip_prefix(prefix.as_str()).ok_or(WRONG)?;
                let signature = decoded(shown, *encoding).ok_or(WRONG)?;
                any(secrets, |secret| made(secret.as_bytes(), &[body], &signature))
            }
            Self::Token { header } => token(secrets, headers, header),
            Self::StandardWebhooks { tolerance_s } => {
                standard(secrets, headers, body, now_s, *tolerance_s)
            }
            Self::GitLab { tolerance_s } if headers.contains_key("webhook-signature") => {
                standard(secrets, headers, body, now_s, *tolerance_s)
            }
            Self::GitLab { .. } => {
                token(secrets, headers, &HeaderName::from_static("x-gitlab-token"))
            }
        }
    }
}

fn token(secrets: &Secrets, headers: &HeaderMap, header: &HeaderName) -> Result<(), Wrong> {
    let shown = text(headers, header)?;
    any(secrets, |secret| bool::from(secret.as_bytes().ct_eq(shown.as_bytes())))
}

/// Source: the Standard Webhooks specification, "Signature scheme".
fn standard(
    secrets: &Secrets,
    headers: &HeaderMap,
    body: &[u8],
    now_s: i64,
    tolerance_s: u32,
) -> Result<(), Wrong> {
    let of = |name| text(headers, &HeaderName::from_static(name));
    let (id, time, signatures) =
        (of("webhook-id")?, of("webhook-timestamp")?, of("webhook-signature")?);
    let at: i64 = time.parse().map_err(|_| "webhook-timestamp is not a number of seconds")?;
    if now_s.abs_diff(at) > u64::from(tolerance_s) {
        return Err(
            "webhook-timestamp differs too much from the current time: the request was sent again \
                later, or a clock is wrong",
        );
    }
    let signatures: Vec<Vec<u8>> = signatures
        .split(' ')
        .filter_map(|one| one.strip_prefix("v1,"))
        .filter_map(|one| decoded(one, Encoding::Base64))
        .collect();
    let signed = [id.as_bytes(), b".", time.as_bytes(), b".", body];
    any(secrets, |secret| {
        let key = match secret.strip_prefix("whsec_") {
            Some(encoded) => base64(encoded),
            None => Some(secret.as_bytes().to_vec()),
        };
        key.is_some_and(|key| signatures.iter().any(|signature| made(&key, &signed, signature)))
    })
}

/// Returns the text of a header that occurs once. A repeated header is an error: two readers could
/// take different values.
fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h str, Wrong> {
    let mut all = headers.get_all(name).iter();
    let first = all.next().ok_or(MISSING)?;
    if all.next().is_some() {
        return Err("the signature is sent several times");
    }
    first.to_str().map_err(|_| WRONG)
}

/// Tries every secret, so that the duration does not reveal which secret matched.
fn any(secrets: &Secrets, mut is_right: impl FnMut(&str) -> bool) -> Result<(), Wrong> {
    if secrets.iter().fold(false, |found, secret| is_right(secret) | found) {
        Ok(())
    } else {
        Err(WRONG)
    }
}

/// Returns whether this key made the signature. The comparison takes constant time.
fn made(key: &[u8], parts: &[&[u8]], signature: &[u8]) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return false };
    for part in parts {
        mac.update(part);
    }
    mac.verify_slice(signature).is_ok()
}

fn decoded(text: &str, encoding: Encoding) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Base64 => base64(text),
        Encoding::Hex => {
            let digits = text.as_bytes();
            if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
                return None;
            }
            digits
                .chunks(2)
                .map(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok())
                .collect()
        }
    }
}

fn base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode_to_vec(text).or_else(|_| STANDARD_NO_PAD.decode_to_vec(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(lines: &str) -> Secrets {
        Secrets::of_lines(lines).unwrap()
    }

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        all.iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    /// <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>, "Testing
    /// the webhook payload validation".
    #[test]
    fn github_as_its_documentation_has_it() {
        let signature = Signature::github();
        let shown = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let secret = secrets("It's a Secret to Everybody");
        let right = headers(&[("x-hub-signature-256", shown)]);
        assert_eq!(signature.verify(&secret, &right, b"Hello, World!", 0), Ok(()));
        assert_eq!(
            signature.verify(
                &secrets("old\nIt's a Secret to Everybody\n"),
                &right,
                b"Hello, World!",
                0
            ),
            Ok(())
        );
        assert_eq!(signature.verify(&secrets("another"), &right, b"Hello, World!", 0), Err(WRONG));
        assert_eq!(signature.verify(&secret, &right, b"Hello, World?", 0), Err(WRONG));
        assert_eq!(signature.verify(&secret, &headers(&[]), b"Hello, World!", 0), Err(MISSING));
        for other in [
            &shown[7..],
            "sha256=",
            "sha256=75",
            &shown.replace("sha256", "sha1"),
            &shown.replace("75", "7g"),
            &format!("{shown}00"),
        ] {
            assert_eq!(
                signature.verify(
                    &secret,
                    &headers(&[("x-hub-signature-256", other)]),
                    b"Hello, World!",
                    0
                ),
                Err(WRONG),
                "{other}"
            );
        }
        let twice = headers(&[("x-hub-signature-256", shown), ("x-hub-signature-256", shown)]);
        assert!(signature.verify(&secret, &twice, b"Hello, World!", 0).is_err());
    }

    const ID: (&str, &str) = ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek");
    const AT: (&str, &str) = ("webhook-timestamp", "1614265330");
    const SIGNED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    /// The test vector of the Standard Webhooks libraries.
    #[test]
    fn standard_webhooks_as_its_libraries_have_it() {
        let signature = Signature::StandardWebhooks { tolerance_s: 300 };
        let with = |signed: &str| headers(&[ID, AT, ("webhook-signature", signed)]);
        for now in [1_614_265_330, 1_614_265_030, 1_614_265_630] {
            assert_eq!(signature.verify(&secrets(KEY), &with(SIGNED), BODY, now), Ok(()));
        }
        for now in [1_614_265_029, 1_614_265_631, 0, i64::MIN, i64::MAX] {
            assert!(signature.verify(&secrets(KEY), &with(SIGNED), BODY, now).is_err(), "{now}");
        }
        let now = 1_614_265_330;
        let several = format!("v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v2,abc {SIGNED}");
        assert_eq!(signature.verify(&secrets(KEY), &with(&several), BODY, now), Ok(()));
        for wrong in [
            "",
            "v1,",
            "v1",
            &SIGNED[3..],
            "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            "v1,g0hM9SsE",
        ] {
            assert_eq!(
                signature.verify(&secrets(KEY), &with(wrong), BODY, now),
                Err(WRONG),
                "{wrong}"
            );
        }
        assert_eq!(signature.verify(&secrets(KEY), &headers(&[ID, AT]), BODY, now), Err(MISSING));
        assert_eq!(
            signature.verify(
                &secrets(KEY),
                &headers(&[AT, ("webhook-signature", SIGNED)]),
                BODY,
                now
            ),
            Err(MISSING)
        );
        let later =
            headers(&[ID, ("webhook-timestamp", "1614265331"), ("webhook-signature", SIGNED)]);
        assert_eq!(
            signature.verify(&secrets(KEY), &later, BODY, now),
            Err(WRONG),
            "the time is signed too"
        );
        assert_eq!(
            signature.verify(&secrets("whsec_not base64"), &with(SIGNED), BODY, now),
            Err(WRONG)
        );
    }

    #[test]
    fn gitlab_signs_or_shows_its_token() {
        let signature = Signature::GitLab { tolerance_s: 300 };
        let token = headers(&[("x-gitlab-token", "a token")]);
        assert_eq!(signature.verify(&secrets("a token"), &token, BODY, 0), Ok(()));
        assert_eq!(signature.verify(&secrets("a toke"), &token, BODY, 0), Err(WRONG));
        assert_eq!(signature.verify(&secrets("a token"), &headers(&[]), BODY, 0), Err(MISSING));
        let signed = headers(&[ID, AT, ("webhook-signature", SIGNED)]);
        assert_eq!(signature.verify(&secrets(KEY), &signed, BODY, 1_614_265_330), Ok(()));
        // A valid token does not make up for a wrong signature.
        let both = headers(&[ID, AT, ("webhook-signature", "v1,AAAA"), ("x-gitlab-token", KEY)]);
        assert_eq!(signature.verify(&secrets(KEY), &both, BODY, 1_614_265_330), Err(WRONG));
    }

    #[test]
    fn base64_and_other_headers() {
        let signature = Signature::Hmac {
            header: HeaderName::from_static("x-signature"),
            prefix: String::new(),
            encoding: Encoding::Base64,
        };
        let shown = STANDARD.encode_to_string(
            decoded(
                "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
                Encoding::Hex,
            )
            .unwrap(),
        );
        let secret = secrets("It's a Secret to Everybody");
        assert_eq!(
            signature.verify(&secret, &headers(&[("x-signature", &shown)]), b"Hello, World!", 0),
            Ok(())
        );
        assert_eq!(
            signature.verify(&secret, &headers(&[("x-signature", "")]), b"Hello, World!", 0),
            Err(WRONG)
        );
    }
}
