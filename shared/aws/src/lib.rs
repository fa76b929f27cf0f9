#![doc = include_str!("../README.md")]

mod error;
mod sdk;
mod secret;
mod signing;

pub use error::AwsError;
pub use secret::{SecretError, secret_text};
pub use signing::{TOKEN_LIFETIME, credentials, database_token, kafka_token, signed_headers};
