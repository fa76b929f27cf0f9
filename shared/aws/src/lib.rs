#![doc = include_str!("../README.md")]

mod account;
mod error;
mod identity;
mod lambda;
mod sdk;
mod secret;
mod signing;

pub use error::AwsError;
pub use identity::{ProofError, prove_identity, proved_identity};
pub use lambda::{InvokeError, Lambda};
pub use secret::{SecretError, secret_text};
pub use signing::{TOKEN_LIFETIME, credentials, database_token, kafka_token, signed_headers};
