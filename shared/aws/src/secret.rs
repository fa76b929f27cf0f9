//! Secrets of AWS Secrets Manager.

/// Why a secret's text cannot be had. The text is not in it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It was not given out.
    #[error("secret {arn}: {reason}")]
    Fetch {
        /// The secret.
        arn: String,
        /// What the service, or the way there, said.
        reason: String,
    },
    /// It is binary.
    #[error("secret {0} holds no text")]
    NoText(String),
}

/// The text of a secret as it is now.
pub async fn secret_text(arn: &str) -> Result<String, SecretError> {
    let client = aws_sdk_secretsmanager::Client::new(&crate::sdk::settings().await);
    let answer = client.get_secret_value().secret_id(arn).send().await;
    let answer = answer.map_err(|error| SecretError::Fetch {
        arn: arn.to_owned(),
        reason: aws_sdk_secretsmanager::error::DisplayErrorContext(error).to_string(),
    })?;
    answer.secret_string().map(str::to_owned).ok_or_else(|| SecretError::NoText(arn.to_owned()))
}
