//! Signatures with AWS credentials (Signature Version 4).
//!
//! The signatures serve as tokens for RDS, Aurora and MSK instead of passwords. They also sign
//! requests to AWS endpoints that Weir calls without an SDK.

use std::time::{Duration, SystemTime};

use aws_credential_types::{Credentials, provider::ProvideCredentials};
use aws_sigv4::{
    http_request::{
        SignableBody, SignableRequest, SignatureLocation, SigningInstructions, SigningSettings,
        sign,
    },
    sign::v4,
};
use form_urlencoded::Serializer;

use crate::AwsError;

/// The lifetime of a token for RDS or MSK, which is the longest allowed one. Source:
/// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.IAMDBAuth.html>
pub const TOKEN_LIFETIME: Duration = Duration::from_mins(15);

/// Returns the credentials of the function, or those of the person who runs the program.
pub async fn credentials() -> Result<Credentials, AwsError> {
    let settings = crate::sdk::settings().await;
    let provider =
        settings.credentials_provider().ok_or_else(|| AwsError::Credentials(String::new()))?;
    // Boxed because the SDK's futures are nested too deeply for the compiler.
    let given = Box::pin(provider.provide_credentials()).await;
    // The SDK lists the providers that it asked in lines.
    given.map_err(|error| {
        let reason = format!(": {:#}", anyhow::Error::new(error));
        AwsError::Credentials(reason.split_whitespace().collect::<Vec<_>>().join(" "))
    })
}

/// Returns a password for `user` of the database at `host` and `port`.
///
/// The password is a signed URL without its scheme. It is valid for 15 minutes from `now` on.
pub fn database_token(
    host: &str,
    port: u16,
    user: &str,
    region: &str,
    credentials: &Credentials,
    now: SystemTime,
) -> Result<String, AwsError> {
    let query = Serializer::new(String::new())
        .append_pair("Action", "connect")
        .append_pair("DBUser", user)
        .finish();
    let url = format!("https://{host}:{port}/?{query}");
    let url = presigned(&url, "rds-db", region, &[], credentials, now)?;
    Ok(url.trim_start_matches("https://").to_owned())
}

/// Returns a SASL `OAUTHBEARER` token for the MSK clusters of a region that use IAM.
///
/// The token is valid for 15 minutes from `now` on. Source:
/// <https://github.com/aws/aws-msk-iam-auth#details>
pub fn kafka_token(
    region: &str,
    credentials: &Credentials,
    now: SystemTime,
) -> Result<String, AwsError> {
    let url = format!("https://kafka.{region}.amazonaws.com/?Action=kafka-cluster%3AConnect");
    let url =
        [&presigned(&url, "kafka-cluster", region, &[], credentials, now)?, "&User-Agent=weir"]
            .concat();
    Ok(base64_simd::URL_SAFE_NO_PAD.encode_to_string(url))
}

/// Returns the URL of a `GET` with its signature in the query. The request must have the headers.
pub(crate) fn presigned(
    url: &str,
    service: &str,
    region: &str,
    headers: &[(&str, &str)],
    credentials: &Credentials,
    now: SystemTime,
) -> Result<String, AwsError> {
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(TOKEN_LIFETIME);
    let request = Unsigned { headers, ..Unsigned::get(url) };
    let (_, params) = signed(&request, service, region, credentials, now, settings)?.into_parts();
    let separator = if url.contains('?') { "&" } else { "?" };
    let signature = Serializer::new(String::new())
        .extend_pairs(params.iter().map(|(name, value)| (*name, value.as_ref())))
        .finish();
    Ok([url, separator, &signature].concat())
}

/// Returns the headers that sign a `GET` of this URL.
pub fn signed_headers(
    url: &str,
    service: &str,
    region: &str,
    credentials: &Credentials,
    now: SystemTime,
) -> Result<Vec<(String, String)>, AwsError> {
    headers_of(&Unsigned::get(url), service, region, credentials, now)
}

/// Returns the headers that sign a request.
pub(crate) fn headers_of(
    request: &Unsigned<'_>,
    service: &str,
    region: &str,
    credentials: &Credentials,
    now: SystemTime,
) -> Result<Vec<(String, String)>, AwsError> {
    let settings = SigningSettings::default();
    let (headers, _) = signed(request, service, region, credentials, now, settings)?.into_parts();
    Ok(headers.iter().map(|header| (header.name().to_owned(), header.value().to_owned())).collect())
}

/// A request without its signature.
#[derive(Clone, Copy)]
pub(crate) struct Unsigned<'r> {
    pub(crate) method: &'r str,
    pub(crate) url: &'r str,
    /// The headers that are signed, besides the host.
    pub(crate) headers: &'r [(&'r str, &'r str)],
    pub(crate) body: &'r [u8],
}

impl<'r> Unsigned<'r> {
    pub(crate) fn get(url: &'r str) -> Self {
        Self { method: "GET", url, headers: &[], body: &[] }
    }
}

fn signed(
    unsigned: &Unsigned<'_>,
    service: &str,
    region: &str,
    credentials: &Credentials,
    now: SystemTime,
    settings: SigningSettings,
) -> Result<SigningInstructions, AwsError> {
    let Unsigned { method, url, headers, body } = *unsigned;
    let wrong = |error: &dyn std::fmt::Display| AwsError::Sign {
        url: url.to_owned(),
        reason: error.to_string(),
    };
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(now)
        .settings(settings);
    let params = params.build().map_err(|error| wrong(&error))?.into();
    let headers = headers.iter().copied();
    let request = SignableRequest::new(method, url, headers, SignableBody::Bytes(body))
        .map_err(|error| wrong(&error))?;
    Ok(sign(request, &params).map_err(|error| wrong(&error))?.into_parts().0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(session: Option<&str>) -> Credentials {
        Credentials::new(
            "AKIDEXAMPLE",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            session.map(str::to_owned),
            None,
            "test",
        )
    }

    /// 2015-08-30T12:36:00Z, the time that AWS's own test suite uses.
    fn instant() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_mins(24_015_636)
    }

    #[test]
    fn a_token_has_the_documented_shape() {
        let token = database_token(
            "db.abc.eu-west-1.rds.amazonaws.com",
            5432,
            "weir_ingest",
            "eu-west-1",
            &credentials(Some("ses/+=")),
            instant(),
        );
        let token = token.unwrap();
        let (place, query) = token.split_once("/?").unwrap();
        assert_eq!(place, "db.abc.eu-west-1.rds.amazonaws.com:5432");
        let pairs: Vec<(String, String)> =
            form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let value = |name: &str| {
            pairs.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(value("Action"), ["connect"]);
        assert_eq!(value("DBUser"), ["weir_ingest"]);
        assert_eq!(value("X-Amz-Algorithm"), ["AWS4-HMAC-SHA256"]);
        assert_eq!(
            value("X-Amz-Credential"),
            ["AKIDEXAMPLE/20150830/eu-west-1/rds-db/aws4_request"]
        );
        assert_eq!(value("X-Amz-Date"), ["20150830T123600Z"]);
        assert_eq!(value("X-Amz-Expires"), ["900"]);
        assert_eq!(value("X-Amz-SignedHeaders"), ["host"]);
        assert_eq!(value("X-Amz-Security-Token"), ["ses/+="]);
        let [signature] = value("X-Amz-Signature")[..] else { panic!("{pairs:?}") };
        assert!(
            signature.len() == 64 && signature.bytes().all(|b| b.is_ascii_hexdigit()),
            "{signature}"
        );
        assert!(!token.contains("wJalr"), "the key itself is not in it");
    }

    #[test]
    fn a_token_for_kafka_is_a_signed_url_in_base64() {
        let token = kafka_token("eu-west-1", &credentials(None), instant()).unwrap();
        let url =
            String::from_utf8(base64_simd::URL_SAFE_NO_PAD.decode_to_vec(token).unwrap()).unwrap();
        assert!(
            url.starts_with(
                "https://kafka.eu-west-1.amazonaws.com/?Action=kafka-cluster%3AConnect&X-Amz-"
            ),
            "{url}"
        );
        assert!(
            url.contains("%2Feu-west-1%2Fkafka-cluster%2Faws4_request&")
                && url.ends_with("&User-Agent=weir"),
            "{url}"
        );
    }

    #[test]
    fn every_request_is_signed() {
        let token = |user: &str, port, region: &str| {
            database_token("h", port, user, region, &credentials(None), instant()).unwrap()
        };
        let signature = |token: String| token.rsplit_once("X-Amz-Signature=").unwrap().1.to_owned();
        let one = signature(token("a", 5432, "eu-west-1"));
        assert_eq!(one, signature(token("a", 5432, "eu-west-1")));
        for other in [
            token("b", 5432, "eu-west-1"),
            token("a", 5433, "eu-west-1"),
            token("a", 5432, "us-east-1"),
        ] {
            assert_ne!(one, signature(other));
        }
    }

    /// The case `get-vanilla` of AWS's test suite for Signature Version 4.
    #[test]
    fn headers_are_signed_as_aws_says() {
        let headers = signed_headers(
            "https://example.amazonaws.com/",
            "service",
            "us-east-1",
            &credentials(None),
            instant(),
        )
        .unwrap();
        let (_, signature) = headers.iter().find(|(name, _)| name == "authorization").unwrap();
        assert_eq!(
            signature,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, \
             Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
    }
}
