//! The security of Weir's own connections to brokers, from the properties of librdkafka.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use native_tls::{Certificate, Identity, TlsConnector};
use secrecy::SecretString;

use super::scram::Hash;
use crate::{BrokerError, Tokens};

type Properties = BTreeMap<String, String>;

/// Properties of TLS that [`native_tls`] has no setting for. A connection without them could be
/// less strict than the user wants.
const NOT_SUPPORTED: [&str; 7] = [
    "ssl.cipher.suites",
    "ssl.crl.location",
    "ssl.curves.list",
    "ssl.engine.location",
    "ssl.keystore.location",
    "ssl.providers",
    "ssl.sigalgs.list",
];
const CA: &str = "ssl.ca.location or ssl.ca.pem";
/// The first line of a PKCS#8 key without a password.
const KEY_BEGINS: &str = "-----BEGIN PRIVATE KEY-----";

/// The security of a connection to a broker.
pub(crate) struct Security {
    pub(super) tls: Option<TlsConnector>,
    pub(super) login: Option<Login>,
}

/// An authentication by SASL.
pub(super) enum Login {
    Plain { user: String, password: SecretString },
    Scram { hash: Hash, user: String, password: SecretString },
    Token { token: SecretString, until: Instant },
}

impl Login {
    pub(super) fn mechanism(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "PLAIN",
            Self::Scram { hash: Hash::Sha256, .. } => "SCRAM-SHA-256",
            Self::Scram { hash: Hash::Sha512, .. } => "SCRAM-SHA-512",
            Self::Token { .. } => "OAUTHBEARER",
        }
    }

    fn of(properties: &Properties) -> Result<Self, BrokerError> {
        let mechanism = mechanism(properties);
        if mechanism == "OAUTHBEARER" {
            let token = Tokens::of(properties)?.token();
            let token = token.map_err(|error| BrokerError::Token(error.to_string()))?;
            let until = Duration::from_millis(token.lifetime_ms.unsigned_abs());
            let left = until.saturating_sub(since_epoch());
            return Ok(Self::Token { token: token.token.into(), until: Instant::now() + left });
        }
        let given = |name: &str| {
            let needed = || BrokerError::Security(format!("{mechanism} needs {name}"));
            properties.get(name).cloned().ok_or_else(needed)
        };
        let (user, password) = (given("sasl.username")?, given("sasl.password")?.into());
        Ok(match mechanism.as_str() {
            "SCRAM-SHA-256" => Self::Scram { hash: Hash::Sha256, user, password },
            "SCRAM-SHA-512" => Self::Scram { hash: Hash::Sha512, user, password },
            _ => Self::Plain { user, password },
        })
    }
}

impl Security {
    /// Reads the security of `properties`; `None` where [`Security::unsupported`] names a reason.
    ///
    /// Blocks where AWS or an OIDC provider is asked for a token.
    pub(crate) fn of(properties: &Properties) -> Result<Option<Self>, BrokerError> {
        if Self::unsupported(properties).is_some() {
            return Ok(None);
        }
        let (has_tls, has_sasl) = protocol(properties);
        let tls = has_tls.then(|| tls(properties)).transpose()?;
        let login = has_sasl.then(|| Login::of(properties)).transpose()?;
        Ok(Some(Self { tls, login }))
    }

    /// Returns the property that librdkafka supports and Weir's own connections do not.
    pub(crate) fn unsupported(properties: &Properties) -> Option<String> {
        let (has_tls, has_sasl) = protocol(properties);
        let mechanism = mechanism(properties);
        let is_known = matches!(
            mechanism.as_str(),
            "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512" | "OAUTHBEARER"
        );
        if has_sasl && !is_known {
            return Some(format!("sasl.mechanism={mechanism}"));
        }
        if !has_tls {
            return None;
        }
        if let Some(name) = NOT_SUPPORTED.iter().find(|name| properties.contains_key(**name)) {
            return Some((*name).to_owned());
        }
        if properties.get("ssl.ca.location").is_some_and(|path| Path::new(path).is_dir()) {
            return Some("ssl.ca.location with a folder".to_owned());
        }
        let key = pem(properties, "ssl.key").ok().flatten();
        key.filter(|key| !key.contains(KEY_BEGINS))
            .map(|_| "a client key that is encrypted or not PKCS#8".to_owned())
    }
}

#[expect(clippy::disallowed_methods, reason = "a token has a time at which it expires")]
fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Returns whether the protocol has TLS, and whether it has SASL.
fn protocol(properties: &Properties) -> (bool, bool) {
    let protocol = properties.get("security.protocol").map(|name| name.to_ascii_lowercase());
    let protocol = protocol.unwrap_or_default();
    (protocol.ends_with("ssl"), protocol.starts_with("sasl"))
}

/// Returns the mechanism, which is GSSAPI by default.
fn mechanism(properties: &Properties) -> String {
    let given = properties.get("sasl.mechanisms").or_else(|| properties.get("sasl.mechanism"));
    given.map_or("GSSAPI", String::as_str).to_ascii_uppercase()
}

/// Returns the text of the file of NAME.location, and of the property NAME.pem.
fn pem(properties: &Properties, name: &str) -> Result<Option<String>, BrokerError> {
    let location = format!("{name}.location");
    let mut pem = properties.get(&format!("{name}.pem")).cloned();
    if let Some(path) = properties.get(&location).filter(|path| *path != "probe") {
        let text = fs::read_to_string(path);
        let text = text.map_err(|error| invalid(&format!("{location} {path}"), error))?;
        pem = Some([text, pem.unwrap_or_default()].join("\n"));
    }
    Ok(pem)
}

fn tls(properties: &Properties) -> Result<TlsConnector, BrokerError> {
    let mut builder = TlsConnector::builder();
    if let Some(pem) = pem(properties, "ssl.ca")? {
        let roots = Certificate::stack_from_pem(pem.as_bytes());
        let roots = roots.map_err(|error| invalid(CA, error))?;
        if roots.is_empty() {
            return Err(invalid(CA, "no certificate in PEM format was found"));
        }
        builder.disable_built_in_roots(true);
        for root in roots {
            builder.add_root_certificate(root);
        }
    }
    if let (Some(certificate), Some(key)) =
        (pem(properties, "ssl.certificate")?, pem(properties, "ssl.key")?)
    {
        let key = &key[key.find(KEY_BEGINS).unwrap_or_default()..];
        let identity = Identity::from_pkcs8(certificate.as_bytes(), key.as_bytes());
        builder.identity(identity.map_err(|error| invalid("ssl.certificate and ssl.key", error))?);
    }
    let is = |name: &str, values: &[&str]| {
        let given = properties.get(name).map(|value| value.to_ascii_lowercase());
        given.is_some_and(|given| values.contains(&given.as_str()))
    };
    builder.danger_accept_invalid_certs(is(
        "enable.ssl.certificate.verification",
        &["false", "f", "0"],
    ));
    builder.danger_accept_invalid_hostnames(is("ssl.endpoint.identification.algorithm", &["none"]));
    builder.build().map_err(|error| invalid("TLS", error))
}

fn invalid(name: &str, error: impl std::fmt::Display) -> BrokerError {
    BrokerError::Security(format!("{name}: {error}"))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn properties(given: &[(&str, &str)]) -> Properties {
        given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn sasl(protocol: &str, mechanism: &str) -> Properties {
        properties(&[
            ("security.protocol", protocol),
            ("sasl.mechanism", mechanism),
            ("sasl.username", "weir"),
            ("sasl.password", "hunter2"),
        ])
    }

    #[test]
    fn the_protocol_decides_about_tls_and_login() {
        let of = |properties| Security::of(&properties).unwrap().unwrap();
        for (protocol, has_tls, has_login) in [
            ("plaintext", false, false),
            ("SSL", true, false),
            ("SASL_PLAINTEXT", false, true),
            ("sasl_ssl", true, true),
        ] {
            let security = of(sasl(protocol, "PLAIN"));
            let found = (security.tls.is_some(), security.login.is_some());
            assert_eq!(found, (has_tls, has_login), "{protocol}");
        }
        let plain = of(Properties::new());
        assert!(plain.tls.is_none() && plain.login.is_none());
        let login = of(sasl("SASL_SSL", "scram-sha-512")).login.unwrap();
        let Login::Scram { hash: Hash::Sha512, user, password } = login else { panic!("SCRAM") };
        assert_eq!((user.as_str(), password.expose_secret()), ("weir", "hunter2"));
    }

    #[test]
    fn properties_that_only_librdkafka_supports_are_named() {
        let mut with_crl = sasl("SASL_SSL", "PLAIN");
        with_crl.insert("ssl.crl.location".into(), "/crl.pem".into());
        let mut with_key = sasl("SSL", "PLAIN");
        with_key.insert("ssl.key.pem".into(), "-----BEGIN ENCRYPTED PRIVATE KEY-----".into());
        let without_mechanism = properties(&[("security.protocol", "sasl_ssl")]);
        for (properties, named) in [
            (without_mechanism, "sasl.mechanism=GSSAPI"),
            (with_crl, "ssl.crl.location"),
            (with_key, "a client key that is encrypted or not PKCS#8"),
        ] {
            assert_eq!(Security::unsupported(&properties).as_deref(), Some(named));
            assert!(Security::of(&properties).unwrap().is_none(), "{named}");
        }
        assert_eq!(Security::unsupported(&sasl("SASL_SSL", "PLAIN")), None);
    }

    #[test]
    fn an_invalid_property_is_named_without_the_password() {
        let mut without_user = sasl("SASL_SSL", "PLAIN");
        without_user.remove("sasl.username");
        let mut without_file = sasl("SASL_SSL", "PLAIN");
        without_file.insert("ssl.ca.location".into(), "/nowhere/ca.pem".into());
        let mut without_root = sasl("SASL_SSL", "PLAIN");
        without_root.insert("ssl.ca.pem".into(), "hunter3".into());
        for (properties, named) in [
            (without_user, "PLAIN needs sasl.username"),
            (without_file, "ssl.ca.location /nowhere/ca.pem: No such file"),
            (without_root, "ssl.ca.pem: no certificate in PEM format"),
        ] {
            let Err(error) = Security::of(&properties) else { panic!("{named}") };
            let error = error.to_string();
            assert!(error.contains(named) && !error.contains("hunter"), "{error}");
        }
    }
}
