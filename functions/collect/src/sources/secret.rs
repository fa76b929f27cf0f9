//! The secrets that a source shares with its sender.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use weir_aws::secret_text;

/// One or several secrets. During a rotation both the old and the new secret are valid.
#[derive(Debug, Clone)]
pub struct Secrets(Vec<SecretString>);

impl Secrets {
    /// Reads one secret per non-empty line. Returns `None` when no line has one.
    pub fn of_lines(text: &str) -> Option<Self> {
        let all: Vec<SecretString> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(SecretString::from)
            .collect();
        (!all.is_empty()).then_some(Self(all))
    }

    /// Returns all secrets.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(ExposeSecret::expose_secret)
    }
}

/// The location of a source's secrets.
#[derive(Debug, Clone)]
pub(super) enum SecretPlace {
    Text(SecretString),
    File(PathBuf),
    Arn(String),
}

impl SecretPlace {
    pub(super) async fn read(&self) -> Result<Secrets, String> {
        let (text, place) = match self {
            Self::Text(text) => (text.expose_secret().to_owned(), "secret".to_owned()),
            Self::File(file) => {
                let text = tokio::fs::read_to_string(file).await.map_err(|error| {
                    format!("cannot read secret-file {}: {error}", file.display())
                })?;
                (text, format!("secret-file {}", file.display()))
            }
            // Boxed because the SDK's futures exceed the compiler's nesting limit.
            Self::Arn(arn) => (
                Box::pin(secret_text(arn)).await.map_err(|error| error.to_string())?,
                format!("secret {arn}"),
            ),
        };
        Secrets::of_lines(&text)
            .ok_or_else(|| format!("{place} is empty, so anyone could sign: give a secret"))
    }
}
