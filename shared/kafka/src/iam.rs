//! Tokens for MSK's IAM authentication: SASL `OAUTHBEARER`, signed with the function's own
//! credentials.

use std::error::Error;

use rdkafka::client::OAuthToken;

/// Returns a token for a client with this property `sasl.oauthbearer.config`, for example
/// `region=eu-west-1`.
pub fn token_for(config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
    match region(config) {
        #[cfg(feature = "msk-iam")]
        Some(region) => token(region),
        #[cfg(not(feature = "msk-iam"))]
        Some(_) => Err("this program was built without IAM authentication for MSK: build it with \
            --features weir-kafka/msk-iam"
            .into()),
        None => {
            Err("cannot create a token for SASL/OAUTHBEARER: for an MSK cluster with IAM give \
                sasl.oauthbearer.config=region=…, else choose another mechanism"
                .into())
        }
    }
}

/// Returns the region in the property `sasl.oauthbearer.config`.
pub(crate) fn region(config: Option<&str>) -> Option<&str> {
    config?.split([' ', ',']).find_map(|part| part.trim().strip_prefix("region="))
}

#[cfg(feature = "msk-iam")]
use {
    std::time::{Duration, SystemTime, UNIX_EPOCH},
    weir_aws::{TOKEN_LIFETIME, credentials, kafka_token},
};

/// The timeout for the request of credentials.
#[cfg(feature = "msk-iam")]
const LIMIT: Duration = Duration::from_secs(10);

/// Returns a token for the clusters of a region. Blocks; the client calls it on its own thread.
#[cfg(feature = "msk-iam")]
#[expect(clippy::disallowed_methods, reason = "a signature contains the time")]
pub(crate) fn token(region: &str) -> Result<OAuthToken, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let given = runtime.block_on(async { tokio::time::timeout(LIMIT, credentials()).await });
    let given = given.map_err(|_| "AWS did not return credentials in time")??;
    let now = SystemTime::now();
    let lifetime_ms =
        i64::try_from((now + TOKEN_LIFETIME).duration_since(UNIX_EPOCH)?.as_millis())?;
    Ok(OAuthToken {
        token: kafka_token(region, &given, now)?,
        principal_name: "weir".to_owned(),
        lifetime_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_in_the_property() {
        assert_eq!(region(Some("region=eu-west-1")), Some("eu-west-1"));
        assert_eq!(region(Some("principal=weir region=eu-west-1")), Some("eu-west-1"));
        assert_eq!((region(Some("scope=x")), region(None)), (None, None));
        assert!(
            token_for(None)
                .is_err_and(|error| error.to_string().contains("sasl.oauthbearer.config"))
        );
    }
}
