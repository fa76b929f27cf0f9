//! Errors that keep a server from starting: the list of keys cannot be read, or it is missing.

use std::net::IpAddr;

use weir_aws::SecretError;

/// An error of the settings of access, or of the list of keys. The error contains no key.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The program listens on a public address and has no keys.
    #[error(
        "--host {0} would serve all data to everyone without a key: create a key with `weir keys \
            new --scope read --api-keys-file FILE` and give --api-keys-file FILE here too, or use \
            a loopback address"
    )]
    OpenHost(IpAddr),
    /// The function has neither keys nor IAM.
    #[error(
        "the function would serve requests without a key: give API_KEYS_FILE or \
            API_KEYS_SECRET_ARN, or set AUTH=iam if API Gateway checks requests with IAM before it \
            calls this function"
    )]
    OpenFunction,
    /// The settings contradict each other.
    #[error("{0}")]
    Setting(&'static str),
    /// The list is empty, so no client could use the program.
    #[error("{0} has no key: create one with `weir keys new --scope read --api-keys-file FILE`")]
    NoKey(String),
    /// The list has a syntax error.
    #[error("{at}: {fault}")]
    Malformed {
        /// The file or secret, with the line.
        at: String,
        /// The description of the fault.
        fault: &'static str,
    },
    /// The file cannot be read.
    #[error("cannot read the API keys in {file}: {reason}")]
    File {
        /// The file.
        file: String,
        /// The reason.
        reason: String,
    },
    /// The list was not read within the time limit.
    #[error("cannot read the API keys in {0}: the read timed out")]
    Late(String),
    /// The secret cannot be read.
    #[error("cannot read the API keys: {0}")]
    Secret(#[from] SecretError),
}
