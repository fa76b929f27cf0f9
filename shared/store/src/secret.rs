//! Secrets of AWS Secrets Manager. User and password are kept until the database refuses them.

use serde::Deserialize;
use tokio::sync::Mutex;

use crate::StoreError;

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
    let client = aws_sdk_secretsmanager::Client::new(&crate::aws::settings().await);
    let answer = client.get_secret_value().secret_id(arn).send().await;
    let answer = answer.map_err(|error| SecretError::Fetch {
        arn: arn.to_owned(),
        reason: aws_sdk_secretsmanager::error::DisplayErrorContext(error).to_string(),
    })?;
    answer.secret_string().map(str::to_owned).ok_or_else(|| SecretError::NoText(arn.to_owned()))
}

/// What RDS and Aurora write into a secret; those that Aurora manages hold user and password only.
#[derive(Deserialize, Clone)]
pub(crate) struct DatabaseSecret {
    pub username: String,
    pub password: String,
    pub host: Option<String>,
    pub port: Option<u16>,
    pub dbname: Option<String>,
}

/// A secret that is fetched once, and anew after it was [forgotten](Self::forget).
pub(crate) struct SecretSource {
    arn: String,
    cached: Mutex<Option<DatabaseSecret>>,
}

impl SecretSource {
    pub(crate) fn new(arn: String) -> Self {
        Self { arn, cached: Mutex::new(None) }
    }

    pub(crate) async fn get(&self) -> Result<DatabaseSecret, StoreError> {
        // Boxed: the SDK's futures are deeper than the compiler likes to nest, and this runs once in a function's life.
        Box::pin(self.fetch()).await
    }

    async fn fetch(&self) -> Result<DatabaseSecret, StoreError> {
        let mut cached = self.cached.lock().await;
        if let Some(secret) = &*cached {
            return Ok(secret.clone());
        }
        let text = secret_text(&self.arn).await.map_err(|error| match error {
            SecretError::Fetch { .. } => StoreError::Connect(error.to_string()),
            SecretError::NoText(_) => StoreError::Setting(error.to_string()),
        })?;
        // serde's message would quote the secret.
        let secret: DatabaseSecret = serde_json::from_str(&text)
            .map_err(|_| StoreError::Setting(format!("secret {} is no JSON with username and password", self.arn)))?;
        Ok(cached.insert(secret).clone())
    }

    /// After SQLSTATE 28P01: the secret was rotated.
    pub(crate) async fn forget(&self) {
        *self.cached.lock().await = None;
    }
}
