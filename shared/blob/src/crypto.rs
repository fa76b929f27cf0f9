//! The hashes that sign a request to S3. They come from the crates that the database driver already
//! uses, because `object_store`'s own options would add another cryptography library.

use hmac::{Hmac, KeyInit, Mac};
use object_store::{
    Error, Result,
    client::{
        CryptoProvider, DigestAlgorithm, DigestContext, HmacContext, Signer, SigningAlgorithm,
    },
};
use sha2::{Digest, Sha256};

/// SHA-256 and its HMAC, the only algorithms of Signature Version 4. Source:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
#[derive(Debug)]
pub(crate) struct Crypto;

impl CryptoProvider for Crypto {
    fn digest(&self, algorithm: DigestAlgorithm) -> Result<Box<dyn DigestContext>> {
        sha256(&algorithm)?;
        Ok(Box::new(Context { state: Sha256::new(), out: [0; 32] }))
    }

    fn hmac(&self, algorithm: DigestAlgorithm, secret: &[u8]) -> Result<Box<dyn HmacContext>> {
        sha256(&algorithm)?;
        let state =
            Hmac::<Sha256>::new_from_slice(secret).map_err(|_| unknown("a key of this length"))?;
        Ok(Box::new(Context { state, out: [0; 32] }))
    }

    fn sign(&self, _: SigningAlgorithm, _: &[u8]) -> Result<Box<dyn Signer>> {
        Err(unknown("a signature by RSA"))
    }
}

fn sha256(algorithm: &DigestAlgorithm) -> Result<()> {
    match algorithm {
        DigestAlgorithm::Sha256 => Ok(()),
        _ => Err(unknown("another digest than SHA-256")),
    }
}

fn unknown(what: &str) -> Error {
    Error::NotSupported { source: format!("S3 asks for {what}").into() }
}

struct Context<S> {
    state: S,
    out: [u8; 32],
}

impl DigestContext for Context<Sha256> {
    fn update(&mut self, data: &[u8]) {
        Digest::update(&mut self.state, data);
    }

    fn finish(&mut self) -> Result<&[u8]> {
        self.out = self.state.finalize_reset().into();
        Ok(&self.out)
    }
}

impl HmacContext for Context<Hmac<Sha256>> {
    fn update(&mut self, data: &[u8]) {
        Mac::update(&mut self.state, data);
    }

    fn finish(&mut self) -> Result<&[u8]> {
        self.out = self.state.clone().finalize().into_bytes().into();
        Ok(&self.out)
    }
}
