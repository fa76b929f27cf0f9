//! The client side of SCRAM: RFC 5802, with the hashes of RFC 7677 and SHA-512.
//!
//! User and password are used as they are, without `SASLprep`. Kafka and librdkafka do the same.

use anyhow::{Context, Result, anyhow, ensure};
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256, Sha512};

/// Fewer rounds make the password easy to guess for a false broker. Kafka's Java client has the
/// same limit.
const ROUNDS_MIN: u32 = 4096;
/// More rounds would keep the thread busy for seconds.
const ROUNDS_MAX: u32 = 1_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha512,
}

/// One authentication, which has two messages of the client.
pub(super) struct Exchange<'p> {
    hash: Hash,
    password: &'p SecretString,
    nonce: &'p str,
    first_bare: String,
}

impl<'p> Exchange<'p> {
    /// Each exchange needs a new random `nonce` without commas.
    pub(super) fn new(hash: Hash, user: &str, password: &'p SecretString, nonce: &'p str) -> Self {
        let user = user.replace('=', "=3D").replace(',', "=2C");
        Self { hash, password, nonce, first_bare: format!("n={user},r={nonce}") }
    }

    /// Returns the client's first message. It asks for no channel binding.
    pub(super) fn first(&self) -> String {
        format!("n,,{}", self.first_bare)
    }

    /// Returns the client's last message, and the answer of a server that knows the password.
    pub(super) fn last(&self, server_first: &str) -> Result<(String, String)> {
        let attribute = |name: &str| {
            let found = server_first.split(',').find_map(|part| part.strip_prefix(name));
            found.with_context(|| format!("the broker's SCRAM message has no {name}"))
        };
        let nonce = attribute("r=")?;
        let salt = BASE64.decode(attribute("s=")?.as_bytes());
        let salt =
            salt.map_err(|error| anyhow!("the broker's SCRAM salt is not valid: {error}"))?;
        let rounds = attribute("i=")?.parse::<u32>()?;
        ensure!(nonce.starts_with(self.nonce), "the broker's SCRAM message has another nonce");
        ensure!(
            (ROUNDS_MIN..=ROUNDS_MAX).contains(&rounds),
            "the broker asks for {rounds} rounds of SCRAM, not {ROUNDS_MIN} to {ROUNDS_MAX}"
        );
        let unproven = format!("c=biws,r={nonce}"); // The base64 form of `n,,`.
        let signed = format!("{},{server_first},{unproven}", self.first_bare);
        let password = self.password.expose_secret().as_bytes();
        let (proof, server) = match self.hash {
            Hash::Sha256 => prove::<Sha256, Hmac<Sha256>>(password, &salt, rounds, &signed)?,
            Hash::Sha512 => prove::<Sha512, Hmac<Sha512>>(password, &salt, rounds, &signed)?,
        };
        Ok((
            format!("{unproven},p={}", BASE64.encode(&proof)),
            format!("v={}", BASE64.encode(&server)),
        ))
    }
}

/// Returns the client's proof and the server's signature: RFC 5802, section 3.
fn prove<D: Digest, M: Mac + KeyInit + Clone>(
    password: &[u8],
    salt: &[u8],
    rounds: u32,
    signed: &str,
) -> Result<(Vec<u8>, Vec<u8>)> {
    let mac = |key: &[u8], text: &[u8]| -> Result<Vec<u8>> {
        let keyed = <M as KeyInit>::new_from_slice(key)?;
        Ok(keyed.chain_update(text).finalize().into_bytes().to_vec())
    };
    let xor = |left: &mut [u8], right: &[u8]| {
        left.iter_mut().zip(right).for_each(|(left, right)| *left ^= right);
    };
    let keyed = <M as KeyInit>::new_from_slice(password)?;
    let first = keyed.clone().chain_update(salt).chain_update(1_u32.to_be_bytes());
    let mut round = first.finalize().into_bytes();
    let mut salted = round.to_vec();
    for _ in 1..rounds {
        round = keyed.clone().chain_update(&round).finalize().into_bytes();
        xor(&mut salted, &round);
    }
    let mut proof = mac(&salted, b"Client Key")?;
    let signature = mac(&D::digest(&proof), signed.as_bytes())?;
    xor(&mut proof, &signature);
    Ok((proof, mac(&mac(&salted, b"Server Key")?, signed.as_bytes())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";

    fn server_first(rounds: u32) -> String {
        format!("r={NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i={rounds}")
    }

    /// RFC 7677, section 3.
    #[test]
    fn the_example_of_rfc_7677() {
        let password = SecretString::from("pencil");
        let exchange = Exchange::new(Hash::Sha256, "user", &password, NONCE);
        assert_eq!(exchange.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let (last, server) = exchange.last(&server_first(4096)).unwrap();
        assert_eq!(
            last,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert_eq!(server, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    /// No RFC has an example for SHA-512. Python's `hashlib` and `hmac` have computed this one.
    #[test]
    fn the_same_example_with_sha_512() {
        let password = SecretString::from("pencil");
        let exchange = Exchange::new(Hash::Sha512, "user", &password, NONCE);
        let (last, server) = exchange.last(&server_first(4096)).unwrap();
        assert_eq!(
            last.split_once("p=").unwrap().1,
            "gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ=="
        );
        assert_eq!(
            server,
            "v=ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw=="
        );
    }

    #[test]
    fn a_name_with_a_comma_is_escaped() {
        let password = SecretString::from("pencil");
        let exchange = Exchange::new(Hash::Sha512, "a=b,c", &password, NONCE);
        assert_eq!(exchange.first(), "n,,n=a=3Db=2Cc,r=rOprNGfwEbeRWgbNEkqO");
    }

    #[test]
    fn a_false_broker_is_refused() {
        let password = SecretString::from("pencil");
        let exchange = Exchange::new(Hash::Sha512, "user", &password, NONCE);
        for (message, reason) in [
            (server_first(4095), "rounds"),
            (server_first(u32::MAX), "rounds"),
            (server_first(4096).replace(NONCE, "other"), "nonce"),
            (format!("r={NONCE}x,i=4096"), "s="),
        ] {
            let error = exchange.last(&message).unwrap_err().to_string();
            assert!(error.contains(reason) && !error.contains("pencil"), "{error}");
        }
    }
}
