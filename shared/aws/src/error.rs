//! Errors of signing and of the credentials.

/// The reason why a request or a token was not signed.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// AWS credentials are not configured, or the provider returned an error.
    #[error("cannot get AWS credentials{0}")]
    Credentials(String),
    /// The settings name no region.
    #[error("no AWS region is set: set AWS_REGION, or region in the AWS configuration file")]
    NoRegion,
    /// The URL or the region cannot be signed.
    #[error("cannot sign {url}: {reason}")]
    Sign {
        /// The URL of the request.
        url: String,
        /// The error of the signing library.
        reason: String,
    },
}
