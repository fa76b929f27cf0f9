//! Why AWS gives nothing.

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// There are no credentials, or they did not come.
    #[error("AWS gives no credentials{0}")]
    Credentials(String),
    /// A URL or a region that cannot be signed.
    #[error("{url} cannot be signed: {reason}")]
    Sign {
        /// What was to be signed.
        url: String,
        /// Why it was not.
        reason: String,
    },
}
