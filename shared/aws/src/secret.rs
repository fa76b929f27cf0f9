//! Secrets of AWS Secrets Manager.

/// The reason why a secret's text cannot be read. Errors do not contain the text.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The request for the secret failed.
    #[error("cannot read secret {arn}: {reason}")]
    Fetch {
        /// The ARN of the secret.
        arn: String,
        /// The error of the service or of the connection.
        reason: String,
    },
    /// The secret is binary.
    #[error("secret {0} has no text: store its value as SecretString")]
    NoText(String),
}

/// Returns the current text of a secret.
pub async fn secret_text(arn: &str) -> Result<String, SecretError> {
    let client = aws_sdk_secretsmanager::Client::new(&crate::sdk::settings().await);
    let answer = client.get_secret_value().secret_id(arn).send().await;
    let answer = answer.map_err(|error| SecretError::Fetch {
        arn: arn.to_owned(),
        reason: aws_sdk_secretsmanager::error::DisplayErrorContext(error).to_string(),
    })?;
    answer.secret_string().map(str::to_owned).ok_or_else(|| SecretError::NoText(arn.to_owned()))
}
