//! User and password from AWS Secrets Manager, cached until the database refuses them.

use serde::Deserialize;
use tokio::sync::Mutex;
use weir_aws::{AwsError, SecretError, secret_text};

use crate::StoreError;

impl From<AwsError> for StoreError {
    fn from(error: AwsError) -> Self {
        match error {
            AwsError::Credentials(_) => Self::Connect(error.to_string()),
            AwsError::NoRegion | AwsError::Sign { .. } => Self::Setting(error.to_string()),
        }
    }
}

/// The format of RDS and Aurora. Secrets that Aurora manages contain user and password only.
#[derive(Deserialize, Clone)]
pub(crate) struct DatabaseSecret {
    pub username: String,
    pub password: String,
    pub host: Option<String>,
    pub port: Option<u16>,
    pub dbname: Option<String>,
}

/// A secret that is fetched once, and again after it was [forgotten](Self::forget).
pub(crate) struct SecretSource {
    arn: String,
    cached: Mutex<Option<DatabaseSecret>>,
}

impl SecretSource {
    pub(crate) fn new(arn: String) -> Self {
        Self { arn, cached: Mutex::new(None) }
    }

    pub(crate) async fn get(&self) -> Result<DatabaseSecret, StoreError> {
        // Boxed because the SDK's futures are nested too deeply for the compiler. The allocation
        // happens once for each new connection.
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
        // serde's error message would quote the secret.
        let secret: DatabaseSecret = serde_json::from_str(&text).map_err(|_| {
            StoreError::Setting(format!(
                "secret {} is not a JSON object with username and password",
                self.arn
            ))
        })?;
        Ok(cached.insert(secret).clone())
    }

    /// Removes the cached secret after SQLSTATE 28P01: the secret was rotated.
    pub(crate) async fn forget(&self) {
        *self.cached.lock().await = None;
    }
}
