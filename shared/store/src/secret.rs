//! User and password from AWS Secrets Manager, kept until the database refuses them.

use serde::Deserialize;
use tokio::sync::Mutex;

use crate::StoreError;

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
        let settings = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
        let client = aws_sdk_secretsmanager::Client::new(&settings);
        let answer = client.get_secret_value().secret_id(&self.arn).send().await;
        let answer = answer
            .map_err(|e| StoreError::Connect(format!("secret {}: {}", self.arn, aws_sdk_secretsmanager::error::DisplayErrorContext(e))))?;
        let text = answer.secret_string().ok_or_else(|| StoreError::Setting(format!("secret {} holds no text", self.arn)))?;
        // serde's message would quote the secret.
        let secret: DatabaseSecret = serde_json::from_str(text)
            .map_err(|_| StoreError::Setting(format!("secret {} is no JSON with username and password", self.arn)))?;
        Ok(cached.insert(secret).clone())
    }

    /// After SQLSTATE 28P01: the secret was rotated.
    pub(crate) async fn forget(&self) {
        *self.cached.lock().await = None;
    }
}
