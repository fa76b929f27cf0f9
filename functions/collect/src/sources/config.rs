//! The table `sources` of the configuration file.

use std::{collections::BTreeMap, path::PathBuf};

use axum::http::HeaderName;
use secrecy::SecretString;
use serde::Deserialize;
use weir_model::cdevents::convert::Converter;

use super::{Encoding, Rule, Signature, Source, SourcesError, secret::SecretPlace};
use crate::intake::{Intake, Target};

/// The sources as configured.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct SourcesConfig(BTreeMap<String, SourceConfig>);

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct SourceConfig {
    topic: String,
    key: Option<String>,
    convert: Option<String>,
    signature: Option<SignatureConfig>,
    /// The largest difference in seconds between the sender's clock and ours, for signatures with a
    /// time.
    tolerance: Option<u32>,
    secret: Option<SecretString>,
    secret_file: Option<PathBuf>,
    secret_arn: Option<String>,
    #[serde(default)]
    rules: Vec<RuleConfig>,
    #[serde(default)]
    keep_headers: Vec<String>,
    eventbridge: Option<EventBridge>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum SignatureConfig {
    /// A signature with a known name.
    Named(String),
    /// HMAC-SHA256 of the body, in a header.
    Hmac(Hmac),
    /// The secret itself, in a header.
    Token(Token),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hmac {
    header: String,
    #[serde(default)]
    prefix: String,
    encoding: Encoding,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Token {
    token_header: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleConfig {
    header: String,
    exists: Option<bool>,
    equals: Option<String>,
    matches: Option<String>,
}

/// Selects the events of `EventBridge` that belong to a source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct EventBridge {
    /// The events' `source`, such as `aws.ecs`.
    source: String,
    /// The events' `detail-type`. Without it, every type matches.
    detail_type: Option<String>,
}

impl EventBridge {
    pub(super) fn matches(&self, source: &str, detail_type: &str) -> bool {
        self.source == source
            && self.detail_type.as_deref().is_none_or(|wanted| wanted == detail_type)
    }
}

/// Headers that are never kept. Secrets are not stored: a client with read access to events must
/// not be able to send events. The error header is reserved for Weir.
const NEVER_KEPT: [&str; 5] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    weir_model::value::ERROR_HEADER,
];
/// Standard Webhooks recommends five minutes.
const TOLERANCE_SECONDS: u32 = 300;

impl SourcesConfig {
    /// Reads the table. The error is one line, and shows no secret.
    pub fn of_table(table: toml::Table) -> Result<Self, SourcesError> {
        let config: Self = table.try_into().map_err(|error: toml::de::Error| {
            SourcesError::Config(error.message().replace('\n', " "))
        })?;
        for name in config.0.keys() {
            if name.is_empty()
                || name.len() > 64
                || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
            {
                return Err(SourcesError::Config(format!(
                    "{name:?} is not a name of a source: give 1 to 64 letters, digits, '.', '_' \
                        and '-'"
                )));
            }
        }
        Ok(config)
    }

    /// Reads a TOML text, such as an SSM parameter. Its tables are the sources, at the top or below
    /// `sources`.
    pub fn of_text(text: &str) -> Result<Self, SourcesError> {
        // Only the message: the full error would show lines of the document, which may contain
        // secrets.
        let mut table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            SourcesError::Config(error.message().replace('\n', " "))
        })?;
        match table.remove("sources") {
            Some(toml::Value::Table(sources)) if table.is_empty() => Self::of_table(sources),
            Some(_) => Err(SourcesError::Config(
                "the text has other entries than the table sources: remove them".into(),
            )),
            None => Self::of_table(table),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &SourceConfig)> {
        self.0.iter()
    }
}

impl SourceConfig {
    pub(super) async fn open(&self, intake: &Intake) -> Result<Source, String> {
        let target =
            intake.target(&self.topic, self.key.clone()).map_err(|error| error.to_string())?;
        if self.key.as_ref().is_some_and(|key| !key.starts_with('/')) {
            return Err("key must be a JSON pointer, for example /id".into());
        }
        let signature = self.signature.as_ref().map(|given| self.signature(given)).transpose()?;
        let proof = match (signature, self.secret_place()?) {
            (Some(signature), Some(place)) => Some((signature, place.read().await?)),
            (None, None) => None,
            (Some(_), None) => {
                return Err(
                    "the source has a signature but no secret: give secret, secret-file or \
                        secret-arn"
                        .into(),
                );
            }
            (None, Some(_)) => return Err(
                "the source has a secret but no signature: give for example signature = \"github\""
                    .into(),
            ),
        };
        let rules = self.rules.iter().map(RuleConfig::rule).collect::<Result<_, _>>()?;
        let keep =
            self.keep_headers.iter().map(|name| self.kept(name)).collect::<Result<_, _>>()?;
        let converter =
            self.convert.as_deref().map(|name| self.converter(name, &target)).transpose()?;
        if self.eventbridge.is_some()
            && (proof.is_some() || !self.rules.is_empty() || !self.keep_headers.is_empty())
        {
            return Err(
                "a source with eventbridge cannot have a signature, rules or keep-headers, because \
                    IAM decides who may send: remove them"
                    .into(),
            );
        }
        Ok(Source { target, proof, rules, keep, converter, event_bridge: self.eventbridge.clone() })
    }

    /// Returns the converter with this name. It is refused if the topic cannot store its events.
    fn converter(&self, name: &str, target: &Target) -> Result<Converter, String> {
        let converter: Converter = name.parse().map_err(|error| format!("convert: {error}"))?;
        if target.model() != "cdevents" {
            return Err(format!(
                "convert creates CDEvents, but topic {} is bound to {}: bind it to cdevents",
                self.topic,
                target.model()
            ));
        }
        match converter.event_header() {
            Some(header) if self.eventbridge.is_some() => Err(format!(
                "convert = {name:?} reads the header {header}, but events of eventbridge have no \
                    headers"
            )),
            _ => Ok(converter),
        }
    }

    fn secret_place(&self) -> Result<Option<SecretPlace>, String> {
        match (&self.secret, &self.secret_file, &self.secret_arn) {
            (None, None, None) => Ok(None),
            (Some(text), None, None) => Ok(Some(SecretPlace::Text(text.clone()))),
            (None, Some(file), None) => Ok(Some(SecretPlace::File(file.clone()))),
            (None, None, Some(arn)) => Ok(Some(SecretPlace::Arn(arn.clone()))),
            _ => Err("give only one of secret, secret-file and secret-arn".into()),
        }
    }

    fn signature(&self, given: &SignatureConfig) -> Result<Signature, String> {
        let tolerance_s = self.tolerance.unwrap_or(TOLERANCE_SECONDS);
        let signature = match given {
            SignatureConfig::Named(name) => match name.as_str() {
                "github" => Signature::github(),
                "gitlab" => Signature::GitLab { tolerance_s },
                "standard-webhooks" => Signature::StandardWebhooks { tolerance_s },
                _ => {
                    return Err(format!(
                        "unknown signature {name:?}: give github, gitlab or standard-webhooks"
                    ));
                }
            },
            SignatureConfig::Hmac(Hmac { header, prefix, encoding }) => Signature::Hmac {
                header: name_of(header)?,
                prefix: prefix.clone(),
                encoding: *encoding,
            },
            SignatureConfig::Token(Token { token_header }) => {
                Signature::Token { header: name_of(token_header)? }
            }
        };
        if self.tolerance.is_some()
            && !matches!(signature, Signature::GitLab { .. } | Signature::StandardWebhooks { .. })
        {
            return Err("tolerance is only for signatures with a timestamp, which are gitlab and \
                    standard-webhooks: remove it"
                .into());
        }
        Ok(signature)
    }

    fn kept(&self, name: &str) -> Result<HeaderName, String> {
        let name = name_of(name)?;
        let is_token = match &self.signature {
            Some(SignatureConfig::Token(token)) => {
                token.token_header.eq_ignore_ascii_case(name.as_str())
            }
            Some(SignatureConfig::Named(signature)) => {
                signature == "gitlab" && name == "x-gitlab-token"
            }
            _ => false,
        };
        if is_token || NEVER_KEPT.contains(&name.as_str()) {
            return Err(format!(
                "keep-headers has {name}, which is a secret of the sender or a name that weir uses \
                    itself: remove it"
            ));
        }
        Ok(name)
    }
}

impl RuleConfig {
    fn rule(&self) -> Result<Rule, String> {
        let name = name_of(&self.header)?;
        match (self.exists, &self.equals, &self.matches) {
            (Some(exists), None, None) => Ok(Rule::exists(name, exists)),
            (None, Some(text), None) => Ok(Rule::equals(name, text)),
            (None, None, Some(expression)) => Rule::matches(name, expression),
            _ => Err(format!(
                "the rule for {name} must have exactly one of exists, equals and matches"
            )),
        }
    }
}

fn name_of(text: &str) -> Result<HeaderName, String> {
    text.parse().map_err(|_| format!("{text:?} is not a name of a header"))
}
