//! Tokens for SASL `OAUTHBEARER`: of MSK's IAM, signed with the function's own credentials, and of
//! an OIDC provider. librdkafka gets tokens of a provider through libcurl, which is not linked.

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Context as _;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use form_urlencoded::{Serializer, byte_serialize};
use rdkafka::client::OAuthToken;
use reqwest::{
    Certificate, Client, Response, Url,
    header::{AUTHORIZATION, CONTENT_TYPE},
    redirect::Policy,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use weir_aws::{TOKEN_LIFETIME, credentials, kafka_token};

use crate::BrokerError;

type Properties = BTreeMap<String, String>;

/// The timeout for the request of credentials, or of a token.
const LIMIT: Duration = Duration::from_secs(10);
/// The longest answer of a token endpoint in bytes.
const ANSWER_MAX: usize = 64 * 1024;

const METHOD: &str = "sasl.oauthbearer.method";
const CONFIG: &str = "sasl.oauthbearer.config";
const URL: &str = "sasl.oauthbearer.token.endpoint.url";
const ID: &str = "sasl.oauthbearer.client.id";
const SECRET: &str = "sasl.oauthbearer.client.secret";
const SCOPE: &str = "sasl.oauthbearer.scope";
const CA: &str = "https.ca.location";
/// librdkafka's properties for OIDC that Weir reads in its place.
const OIDC: [&str; 6] = [METHOD, URL, ID, SECRET, SCOPE, CA];

/// Where a client gets its tokens for SASL `OAUTHBEARER`.
#[derive(Debug, Clone, Default)]
pub enum Tokens {
    /// The client uses another mechanism.
    #[default]
    None,
    /// The IAM of an MSK cluster in this region.
    MskIam(String),
    /// An OIDC provider.
    Oidc(Box<Oidc>),
}

/// A token endpoint that gives tokens for the credentials of a client (RFC 6749, section 4.4).
#[derive(Debug, Clone)]
pub struct Oidc {
    url: Url,
    id: String,
    secret: SecretString,
    scope: Option<String>,
    ca: Option<Certificate>,
}

impl Tokens {
    /// Reads librdkafka's properties: `sasl.oauthbearer.method=oidc` and what belongs to it, or
    /// `sasl.oauthbearer.config=region=eu-west-1` for MSK's IAM.
    pub fn of(properties: &Properties) -> Result<Self, BrokerError> {
        if is_oidc(properties) {
            return Ok(Self::Oidc(Box::new(Oidc::of(properties)?)));
        }
        let config = properties.get(CONFIG).map(String::as_str).unwrap_or_default();
        let region = config.split([' ', ',']).find_map(|part| part.trim().strip_prefix("region="));
        Ok(region.map_or(Self::None, |region| Self::MskIam(region.to_owned())))
    }

    /// Returns a new token. Blocks; librdkafka calls it on its own thread.
    pub fn token(&self) -> Result<OAuthToken, Box<dyn Error>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let token = runtime.block_on(async {
            match self {
                Self::None => anyhow::bail!(
                    "cannot create a token for SASL/OAUTHBEARER: give {METHOD}=oidc, {URL}, {ID} \
                        and {SECRET}; for an MSK cluster with IAM give {CONFIG}=region=…"
                ),
                Self::MskIam(region) => of_iam(region).await,
                Self::Oidc(oidc) => oidc.token().await,
            }
        });
        token.map_err(|error| format!("{error:#}").into())
    }
}

/// Returns the properties of a client of an MSK cluster that uses IAM.
pub fn with_iam(region: &str, properties: &Properties) -> Properties {
    let region = format!("region={region}");
    let own =
        [("security.protocol", "SASL_SSL"), ("sasl.mechanism", "OAUTHBEARER"), (CONFIG, &region)];
    let mut all: Properties = own.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    all.extend(properties.clone());
    all
}

/// Returns whether Weir reads this property in librdkafka's place, which refuses it.
pub(crate) fn is_own(name: &str, properties: &Properties) -> bool {
    OIDC.contains(&name) && is_oidc(properties)
}

fn is_oidc(properties: &Properties) -> bool {
    properties.get(METHOD).is_some_and(|method| method.eq_ignore_ascii_case("oidc"))
}

#[expect(clippy::disallowed_methods, reason = "a signature contains the time")]
async fn of_iam(region: &str) -> anyhow::Result<OAuthToken> {
    let given = tokio::time::timeout(LIMIT, credentials()).await;
    let given = given.context("AWS did not return credentials in time")??;
    let now = SystemTime::now();
    of_lifetime(kafka_token(region, &given, now)?, now + TOKEN_LIFETIME)
}

fn of_lifetime(token: String, until: SystemTime) -> anyhow::Result<OAuthToken> {
    let lifetime_ms = i64::try_from(until.duration_since(UNIX_EPOCH)?.as_millis())?;
    Ok(OAuthToken { token, principal_name: "weir".to_owned(), lifetime_ms })
}

impl Oidc {
    fn of(properties: &Properties) -> Result<Self, BrokerError> {
        let given = |name: &str| {
            let needed = || BrokerError::Security(format!("{METHOD}=oidc needs {name}"));
            properties.get(name).cloned().ok_or_else(needed)
        };
        let invalid =
            |name: &str, error: &dyn Error| BrokerError::Security(format!("{name}: {error}"));
        let ca = properties.get(CA).filter(|path| *path != "probe");
        let ca = ca.map(|path| {
            let pem = fs::read(path).map_err(|error| invalid(&format!("{CA} {path}"), &error))?;
            Certificate::from_pem(&pem).map_err(|error| invalid(CA, &error))
        });
        // The crate rdkafka cannot give them to librdkafka.
        if properties.contains_key("sasl.oauthbearer.extensions") {
            return Err(BrokerError::Security(
                "sasl.oauthbearer.extensions is not supported".to_owned(),
            ));
        }
        Ok(Self {
            url: given(URL)?.parse().map_err(|error| invalid(URL, &error))?,
            id: given(ID)?,
            secret: given(SECRET)?.into(),
            scope: properties.get(SCOPE).cloned(),
            ca: ca.transpose()?,
        })
    }

    #[expect(clippy::disallowed_methods, reason = "a token has a time at which it expires")]
    async fn token(&self) -> anyhow::Result<OAuthToken> {
        let mut client = Client::builder().timeout(LIMIT).redirect(Policy::none());
        if let Some(ca) = &self.ca {
            client = client.add_root_certificate(ca.clone());
        }
        let mut body = Serializer::new(String::new());
        body.append_pair("grant_type", "client_credentials");
        if let Some(scope) = &self.scope {
            body.append_pair("scope", scope);
        }
        let request = client
            .build()?
            .post(self.url.clone())
            .header(AUTHORIZATION, self.basic())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body.finish());
        let asked = SystemTime::now();
        let answer = request.send().await.context("cannot ask the token endpoint")?;
        let status = answer.status();
        let answer: Value = serde_json::from_slice(&body_of(answer).await?)
            .with_context(|| format!("the token endpoint answered {status} without JSON"))?;
        let token = answer["access_token"].as_str().filter(|_| status.is_success());
        let token = token.with_context(|| {
            // RFC 6749, section 5.2.
            let said = ["error", "error_description"].map(|name| answer[name].as_str());
            let said = said.into_iter().flatten().collect::<Vec<_>>().join(": ");
            format!("the token endpoint gave no token: {status} {said}")
        })?;
        let until = match answer["expires_in"].as_u64() {
            Some(seconds) => asked.checked_add(Duration::from_secs(seconds)),
            None => expiry(token),
        };
        let until =
            until.context("the token has neither expires_in nor a time in its claim exp")?;
        of_lifetime(token.to_owned(), until)
    }

    /// Returns the client's credentials for HTTP Basic. Each is encoded first (RFC 6749, section
    /// 2.3.1).
    fn basic(&self) -> String {
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let pair = [encoded(&self.id), encoded(self.secret.expose_secret())].join(":");
        format!("Basic {}", BASE64.encode(pair.as_bytes()))
    }
}

/// Returns the claim `exp` of a JWT (RFC 7519).
fn expiry(token: &str) -> Option<SystemTime> {
    let claims = BASE64URL_NOPAD.decode(token.split('.').nth(1)?.as_bytes()).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(claims["exp"].as_f64()?).ok()?)
}

async fn body_of(mut answer: Response) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.context("cannot read the token")? {
        body.extend_from_slice(&chunk);
        anyhow::ensure!(body.len() <= ANSWER_MAX, "the token endpoint's answer is too long");
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(given: &[(&str, &str)]) -> Properties {
        given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_region_is_in_the_property() {
        let region = |config: &str| match Tokens::of(&properties(&[(CONFIG, config)])).unwrap() {
            Tokens::MskIam(region) => Some(region),
            _ => None,
        };
        assert_eq!(region("region=eu-west-1").as_deref(), Some("eu-west-1"));
        assert_eq!(region("principal=weir region=eu-west-1").as_deref(), Some("eu-west-1"));
        assert_eq!(region("scope=x"), None);
        let of_iam = with_iam("eu-west-1", &properties(&[("client.id", "a")]));
        assert!(matches!(Tokens::of(&of_iam).unwrap(), Tokens::MskIam(_)));
        assert!(Tokens::None.token().is_err_and(|error| error.to_string().contains(URL)));
    }

    #[test]
    fn what_a_provider_needs_is_named_and_no_secret_is_shown() {
        let given = [
            (METHOD, "OIDC"),
            (URL, "https://login.example.com/token"),
            (ID, "weir id"),
            (SECRET, "hunter+2"),
        ];
        for missing in [URL, ID, SECRET] {
            let mut properties = properties(&given);
            properties.remove(missing);
            let error = Tokens::of(&properties).unwrap_err().to_string();
            assert!(error.contains(missing) && !error.contains("hunter"), "{error}");
        }
        for (name, value, says) in [
            (URL, "login", "token.endpoint.url: relative URL"),
            (CA, "/nowhere/ca.pem", "https.ca.location /nowhere/ca.pem: No such file"),
            ("sasl.oauthbearer.extensions", "a=b", "extensions is not supported"),
        ] {
            let mut properties = properties(&given);
            properties.insert(name.into(), value.into());
            let error = Tokens::of(&properties).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        let Tokens::Oidc(oidc) = Tokens::of(&properties(&given)).unwrap() else { panic!("OIDC") };
        assert!(!format!("{oidc:?}").contains("hunter"));
        assert_eq!(oidc.basic(), format!("Basic {}", BASE64.encode(b"weir+id:hunter%2B2")));
        assert!(is_own(URL, &properties(&given)) && !is_own(URL, &Properties::new()));
    }

    #[test]
    fn a_jwt_says_when_it_expires() {
        let jwt = |claims: &str| format!("e30.{}.", BASE64URL_NOPAD.encode(claims.as_bytes()));
        let at = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        assert_eq!(expiry(&jwt(r#"{"exp":1700000000}"#)), Some(at));
        for unclear in [jwt("{}"), jwt(r#"{"exp":-1}"#), jwt(r#"{"exp":1e300}"#), "opaque".into()] {
            assert_eq!(expiry(&unclear), None, "{unclear}");
        }
    }
}
