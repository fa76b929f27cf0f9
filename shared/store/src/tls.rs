//! The use of TLS and the trusted roots. TLS is always verified.

use std::path::PathBuf;

use postgres_native_tls::MakeTlsConnector;
use tokio_postgres::config::{Config, Host, SslMode};

use crate::StoreError;

/// The TLS settings of a URL that `tokio-postgres` does not read itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsSettings {
    pub mode: SslMode,
    pub root_cert: Option<PathBuf>,
}

/// Removes `sslmode` and `sslrootcert` from a URL.
///
/// In libpq, `require` encrypts without verification, and only `verify-ca` and `verify-full`
/// verify. Here every mode except `disable` verifies.
pub(crate) fn take_settings(
    url: &str,
) -> Result<(String, Option<SslMode>, Option<PathBuf>), StoreError> {
    let Some((base, query)) = url.split_once('?') else { return Ok((url.to_owned(), None, None)) };
    let (mut mode, mut root_cert, mut rest) = (None, None, Vec::new());
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslmode", value)) => {
                mode = Some(match value {
                    "disable" => SslMode::Disable,
                    "prefer" | "allow" => SslMode::Prefer,
                    "require" | "verify-ca" | "verify-full" => SslMode::Require,
                    _ => {
                        return Err(StoreError::Setting(
                            "the database URL has an unknown sslmode: give disable, prefer, \
                                require, verify-ca or verify-full"
                                .into(),
                        ));
                    }
                });
            }
            Some(("sslrootcert", value)) => {
                root_cert = Some(PathBuf::from(value.replace("%2F", "/")));
            }
            _ => rest.push(pair),
        }
    }
    let url = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
    Ok((url, mode, root_cert))
}

/// Returns the mode of a URL without `sslmode`: no TLS over loopback and sockets, verified TLS to
/// all other hosts.
pub(crate) fn default_mode(config: &Config) -> SslMode {
    let near = config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    });
    if near { SslMode::Disable } else { SslMode::Require }
}

/// The end of a certificate in a PEM file.
const END: &str = "-----END CERTIFICATE-----";

/// Returns the connector; its roots are the system's and those of `sslrootcert`.
pub(crate) fn connector(
    settings: &TlsSettings,
    hosts: &[Host],
) -> Result<MakeTlsConnector, StoreError> {
    let mut builder = native_tls::TlsConnector::builder();
    for pem in hosts.iter().flat_map(rds_roots) {
        let root = native_tls::Certificate::from_pem(pem.as_bytes());
        builder.add_root_certificate(root.map_err(|e| {
            StoreError::Setting(format!("cannot use a root certificate of RDS: {e}"))
        })?);
    }
    if let Some(path) = &settings.root_cert {
        let wrong = |e: &dyn std::fmt::Display| {
            StoreError::Setting(format!("cannot use sslrootcert {}: {e}", path.display()))
        };
        let pem = std::fs::read_to_string(path).map_err(|e| wrong(&e))?;
        // A bundle contains many certificates, and native-tls reads one at a time.
        for one in pem.split_inclusive(END).filter(|p| p.contains(END)) {
            builder.add_root_certificate(
                native_tls::Certificate::from_pem(one.trim_start().as_bytes())
                    .map_err(|e| wrong(&e))?,
            );
        }
    }
    let connector = builder.build().map_err(|e| {
        StoreError::Setting(format!("cannot set up TLS for the database connection: {e}"))
    })?;
    Ok(MakeTlsConnector::new(connector))
}

/// Returns the roots of RDS and Aurora in the region of a host. Systems do not include them;
/// `sslrootcert` of a URL adds further roots.
fn rds_roots(host: &Host) -> Vec<&'static str> {
    let Host::Tcp(name) = host else { return Vec::new() };
    let labels: Vec<&str> = name.trim_end_matches('.').split('.').collect();
    if !labels.contains(&"rds") || !labels.contains(&"amazonaws") {
        return Vec::new();
    }
    // Each certificate follows a line with its name: "# CN=Amazon RDS eu-west-1 Root CA RSA2048 G1,
    // until …".
    let blocks = include_str!("rds-ca.pem")
        .split_inclusive(END)
        .filter_map(|block| block.split_once("# CN=Amazon RDS "));
    blocks
        .filter(|(_, named)| named.split(' ').next().is_some_and(|region| labels.contains(&region)))
        .filter_map(|(_, named)| Some(&named[named.find("-----BEGIN")?..]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_roots_of_a_region_are_its_own() {
        let roots = |name: &str| rds_roots(&Host::Tcp(name.into()));
        for name in [
            "db.cluster-abc.eu-west-1.rds.amazonaws.com",
            "db.abc.us-east-1.rds.amazonaws.com",
            "p.proxy-abc.ap-south-1.rds.amazonaws.com",
        ] {
            assert!(roots(name).len() >= 3, "{name}: RSA 2048, RSA 4096 and ECC");
            for pem in roots(name) {
                native_tls::Certificate::from_pem(pem.as_bytes()).unwrap();
            }
        }
        for name in ["db.example.com", "rds.amazonaws.example", "localhost"] {
            assert!(roots(name).is_empty(), "{name}");
        }
        connector(
            &TlsSettings { mode: SslMode::Require, root_cert: None },
            &[Host::Tcp("db.abc.eu-west-1.rds.amazonaws.com".into())],
        )
        .unwrap();
    }

    #[test]
    fn the_url_decides() {
        let (url, mode, root) = take_settings(
            "postgresql://u:p@h/d?sslmode=verify-full&application_name=x&sslrootcert=/a.pem",
        )
        .unwrap();
        assert_eq!(
            (url.as_str(), mode, root),
            (
                "postgresql://u:p@h/d?application_name=x",
                Some(SslMode::Require),
                Some("/a.pem".into())
            )
        );
        assert!(take_settings("postgresql://h/d?sslmode=maybe").is_err());
        for (url, mode) in [
            ("postgresql://h.example/d", SslMode::Require),
            ("postgresql://127.0.0.1/d", SslMode::Disable),
            ("postgresql://localhost/d", SslMode::Disable),
        ] {
            assert_eq!(default_mode(&url.parse().unwrap()), mode, "{url}");
        }
    }
}
