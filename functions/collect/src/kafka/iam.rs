//! Tokens for MSK's IAM authentication: SASL `OAUTHBEARER`, signed with the function's own credentials.

use std::{error::Error, time::Duration};

use aws_config::Region;
use aws_msk_iam_sasl_signer::generate_auth_token;
use rdkafka::client::OAuthToken;

/// How long the credentials may take.
const LIMIT: Duration = Duration::from_secs(10);

/// A token for the clusters of a region. Blocks; called on the client's own thread.
pub(super) fn token(region: &str) -> Result<OAuthToken, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let signed = async { tokio::time::timeout(LIMIT, generate_auth_token(Region::new(region.to_owned()))).await };
    let (token, lifetime_ms) = runtime.block_on(signed).map_err(|_| "AWS gives no credentials in time")??;
    Ok(OAuthToken { token, principal_name: "weir".to_owned(), lifetime_ms })
}
