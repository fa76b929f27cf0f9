//! The settings of access.

use std::{net::IpAddr, path::PathBuf};

use super::{Access, AccessError, Source, source::KeysPlace};

/// The part that checks whether a request is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Auth {
    /// Weir checks the API key of each request
    Keys,
    /// API Gateway checks each request before it calls the function
    Iam,
}

/// The settings of access.
#[derive(Debug, Clone, clap::Args)]
pub struct AccessConfig {
    /// File with the hashes of the API keys
    ///
    /// `weir keys new` adds a key to the file. Without a file and a secret, `weir` needs no keys
    /// and listens on a loopback address only.
    #[arg(long, env = "API_KEYS_FILE", value_name = "FILE")]
    pub api_keys_file: Option<PathBuf>,

    /// Secret of AWS Secrets Manager with the hashes of the API keys
    ///
    /// Its text has the format of the file of `--api-keys-file`.
    #[arg(long, env = "API_KEYS_SECRET_ARN", value_name = "ARN")]
    pub api_keys_secret_arn: Option<String>,

    /// Who checks requests: Weir with API keys, or API Gateway with IAM
    #[arg(long, env = "AUTH", value_name = "WHO", value_enum, default_value_t = Auth::Keys)]
    pub auth: Auth,
}

impl AccessConfig {
    /// Opens the list of keys that the settings name; returns `None` when they name none.
    pub async fn source(&self) -> Result<Option<Source>, AccessError> {
        // A CloudFormation template without a secret sets an empty text.
        let secret = self.api_keys_secret_arn.clone().filter(|arn| !arn.is_empty());
        let place = match (self.api_keys_file.clone(), secret) {
            (None, None) => return Ok(None),
            (Some(file), None) => KeysPlace::File(file),
            (None, Some(arn)) => KeysPlace::Secret(arn),
            (Some(_), Some(_)) => {
                return Err(AccessError::Setting(
                    "--api-keys-file and --api-keys-secret-arn exclude each other: give one of \
                        them",
                ));
            }
        };
        Source::open(place).await.map(Some)
    }

    /// Returns the access check of a program that listens on this address.
    pub async fn for_host(&self, host: IpAddr) -> Result<Access, AccessError> {
        if self.auth == Auth::Iam {
            return Err(AccessError::Setting(
                "--auth iam is only for the function behind API Gateway: use API keys for this \
                    program",
            ));
        }
        match self.keys().await? {
            Some(keys) => Ok(Access::Keys(keys)),
            None if host.is_loopback() => Ok(Access::Open),
            None => Err(AccessError::OpenHost(host)),
        }
    }

    /// Returns the access check of a function behind API Gateway.
    ///
    /// A function has no loopback address. Without keys and without IAM it must not start.
    pub async fn for_function(&self) -> Result<Access, AccessError> {
        match (self.auth, self.keys().await?) {
            (Auth::Iam, None) => Ok(Access::Iam),
            (Auth::Iam, Some(_)) => Err(AccessError::Setting(
                "AUTH=iam and API keys exclude each other, because the function would not check \
                    the keys: give one of them",
            )),
            (Auth::Keys, Some(keys)) => Ok(Access::Keys(keys)),
            (Auth::Keys, None) => Err(AccessError::OpenFunction),
        }
    }

    /// An empty list of keys is an error at the start, because no client could use the program.
    /// Later an empty list is allowed: the last key was revoked.
    async fn keys(&self) -> Result<Option<Source>, AccessError> {
        match self.source().await? {
            Some(source) if source.current().is_empty() => {
                Err(AccessError::NoKey(source.place().to_string()))
            }
            source => Ok(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::access::{Entry, Key, Scope};

    fn config(file: Option<PathBuf>, auth: Auth) -> AccessConfig {
        AccessConfig { api_keys_file: file, api_keys_secret_arn: Some(String::new()), auth }
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn list() -> String {
        Entry::new("ci".parse().unwrap(), [Scope::Read].into_iter().collect(), &Key::new([1; 32]))
            .to_string()
    }

    const LOOPBACK: [&str; 3] = ["127.0.0.1", "127.0.0.2", "::1"];
    const OTHERS: [&str; 5] = ["0.0.0.0", "::", "10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1"];

    #[tokio::test]
    async fn without_keys_only_loopback_is_served() {
        let none = config(None, Auth::Keys);
        for host in LOOPBACK {
            assert!(
                matches!(none.for_host(host.parse().unwrap()).await, Ok(Access::Open)),
                "{host}"
            );
        }
        for host in OTHERS {
            let refused = none.for_host(host.parse().unwrap()).await.unwrap_err().to_string();
            assert!(
                refused.contains(host)
                    && refused.contains("weir keys new --scope read --api-keys-file"),
                "{refused}"
            );
        }
    }

    #[tokio::test]
    async fn with_keys_every_address_asks_for_them() {
        let list = file(&list());
        let keys = config(Some(list.path().to_owned()), Auth::Keys);
        for host in LOOPBACK.iter().chain(&OTHERS) {
            assert!(
                matches!(keys.for_host(host.parse().unwrap()).await, Ok(Access::Keys(_))),
                "{host}"
            );
        }
        assert!(matches!(keys.for_function().await, Ok(Access::Keys(_))));
        let (nobody, malformed) = (file("# nobody\n"), file("\nci read\n"));
        let missing = nobody.path().with_extension("missing");
        let cases = [
            (nobody.path(), "has no key"),
            (malformed.path(), ":2: a key needs three words on one line"),
            (&missing, "No such file"),
            (missing.parent().unwrap(), "not a regular file"),
        ];
        for (path, says) in cases {
            let refused = config(Some(path.to_owned()), Auth::Keys);
            for error in [
                refused.for_host(LOOPBACK[0].parse().unwrap()).await.unwrap_err(),
                refused.for_function().await.unwrap_err(),
            ] {
                let error = error.to_string();
                assert!(
                    error.contains(says) && error.contains(&path.display().to_string()),
                    "{says}: {error}"
                );
            }
        }
    }

    #[tokio::test]
    async fn a_function_starts_with_keys_or_when_api_gateway_asks_iam() {
        assert!(matches!(
            config(None, Auth::Keys).for_function().await,
            Err(AccessError::OpenFunction)
        ));
        assert!(matches!(config(None, Auth::Iam).for_function().await, Ok(Access::Iam)));
        let list = file(&list());
        assert!(matches!(
            config(Some(list.path().to_owned()), Auth::Iam).for_function().await,
            Err(AccessError::Setting(_))
        ));
    }

    #[tokio::test]
    async fn auth_iam_is_refused_by_a_program_that_listens() {
        for host in LOOPBACK.iter().chain(&OTHERS) {
            assert!(
                matches!(
                    config(None, Auth::Iam).for_host(host.parse().unwrap()).await,
                    Err(AccessError::Setting(_))
                ),
                "{host}"
            );
        }
    }

    #[tokio::test]
    async fn keys_come_from_one_place() {
        let both = AccessConfig {
            api_keys_secret_arn: Some("arn".into()),
            ..config(Some("/no/keys".into()), Auth::Keys)
        };
        assert!(matches!(both.source().await, Err(AccessError::Setting(_))));
        assert!(config(None, Auth::Keys).source().await.unwrap().is_none());
    }
}
