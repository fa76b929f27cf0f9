//! Tokens for MSK's IAM authentication: SASL `OAUTHBEARER`, signed with the function's own credentials.

use std::{
    error::Error,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rdkafka::client::OAuthToken;
use weir_aws::{TOKEN_LIFETIME, credentials, kafka_token};

/// How long the credentials may take.
const LIMIT: Duration = Duration::from_secs(10);

/// A token for the clusters of a region. Blocks; called on the client's own thread.
#[expect(clippy::disallowed_methods, reason = "a signature has its time")]
pub(super) fn token(region: &str) -> Result<OAuthToken, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let given = runtime.block_on(async { tokio::time::timeout(LIMIT, credentials()).await });
    let given = given.map_err(|_| "AWS gives no credentials in time")??;
    let now = SystemTime::now();
    let lifetime_ms = i64::try_from((now + TOKEN_LIFETIME).duration_since(UNIX_EPOCH)?.as_millis())?;
    Ok(OAuthToken { token: kafka_token(region, &given, now)?, principal_name: "weir".to_owned(), lifetime_ms })
}
