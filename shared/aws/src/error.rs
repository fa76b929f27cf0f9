//! Why AWS gives nothing, and an error as one line.

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

/// One line: the error and what is behind it.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        line = format!("{line}: {inner}");
        cause = inner.source();
    }
    line
}
