//! Why nothing is served: the keys cannot be had, or there are none.

use std::net::IpAddr;

use weir_aws::SecretError;

/// An error of the settings of access, or of the list that they name. No key is in it.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Anybody could reach the program, and nobody would be asked for a key.
    #[error(
        "--host {0} would serve everything to everyone: make a key with `weir keys new --scope read --api-keys-file FILE` and give \
         --api-keys-file FILE here too, or use a loopback address"
    )]
    OpenHost(IpAddr),
    /// The same for a function.
    #[error(
        "nobody would be asked for a key: give API_KEYS_FILE or API_KEYS_SECRET_ARN, or say with AUTH=iam that API Gateway asks IAM \
         before it calls this function"
    )]
    OpenFunction,
    /// The settings contradict each other.
    #[error("{0}")]
    Setting(&'static str),
    /// A list without a key lets nobody in.
    #[error("{0} holds no key: make one with `weir keys new --scope read --api-keys-file FILE`")]
    NoKey(String),
    /// The list is not one.
    #[error("{at}: {fault}")]
    Malformed {
        /// File and line.
        at: String,
        /// What is wrong there.
        fault: &'static str,
    },
    /// The file cannot be read.
    #[error("cannot read the API keys in {file}: {reason}")]
    File {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// Nothing was heard of them in time.
    #[error("cannot read the API keys in {0}: it takes too long")]
    Late(String),
    /// The secret cannot be read.
    #[error("cannot read the API keys: {0}")]
    Secret(#[from] SecretError),
}
