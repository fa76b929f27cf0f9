//! The region and the addresses of the AWS settings.

use crate::AwsError;

/// Where requests go.
pub(crate) struct Account {
    pub(crate) region: String,
    /// The address of all services; `None` for the ones of AWS.
    endpoint: Option<String>,
}

impl Account {
    /// Reads the environment and the AWS configuration file.
    pub(crate) async fn read() -> Result<Self, AwsError> {
        let settings = crate::sdk::settings().await;
        let region = settings.region().ok_or(AwsError::NoRegion)?.to_string();
        Ok(Self { region, endpoint: settings.endpoint_url().map(str::to_owned) })
    }

    /// Returns the URL of a path of a service.
    pub(crate) fn url(&self, service: &str, path: &str) -> String {
        let region = &self.region;
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        match &self.endpoint {
            Some(endpoint) => format!("{}/{path}", endpoint.trim_end_matches('/')),
            None => format!("https://{service}.{region}.{domain}/{path}"),
        }
    }
}
