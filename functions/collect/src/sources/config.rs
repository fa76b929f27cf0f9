//! The table `sources` of the configuration file.

use std::{collections::BTreeMap, path::PathBuf};

use axum::http::HeaderName;
use secrecy::SecretString;
use serde::Deserialize;
use weir_model::cdevents::convert::Converter;

use super::{Encoding, Rule, Signature, Source, SourcesError, secret::SecretPlace};
use crate::intake::{Intake, Target};

/// The sources as they are written down.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct SourcesConfig(BTreeMap<String, SourceConfig>);

/// One of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct SourceConfig {
    topic: String,
    key: Option<String>,
    convert: Option<String>,
    signature: Option<SignatureConfig>,
    /// Seconds by which the sender's clock may differ from ours, for signatures with a time.
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
    /// One that is known by name.
    Named(String),
    /// HMAC-SHA256 of the body in a header.
    Hmac(Hmac),
    /// The secret itself in a header.
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

/// Which events of `EventBridge` are a source's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct EventBridge {
    /// Their `source`, as `aws.ecs`.
    source: String,
    /// Their `detail-type`; any without it.
    detail_type: Option<String>,
}

impl EventBridge {
    pub(super) fn matches(&self, source: &str, detail_type: &str) -> bool {
        self.source == source
            && self.detail_type.as_deref().is_none_or(|wanted| wanted == detail_type)
    }
}

/// What a source keeps to itself: who has read access to events must not become able to send them.
/// And what is ours to say.
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
                    "{name:?} is no name: 1 to 64 letters, digits, '.', '_' and '-'"
                )));
            }
        }
        Ok(config)
    }

    /// Reads a text that is TOML, with the sources as its tables or below `sources`, as an SSM
    /// parameter has them.
    pub fn of_text(text: &str) -> Result<Self, SourcesError> {
        // The message of a whole document would show lines of it.
        let mut table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            SourcesError::Config(error.message().replace('\n', " "))
        })?;
        match table.remove("sources") {
            Some(toml::Value::Table(sources)) if table.is_empty() => Self::of_table(sources),
            Some(_) => {
                Err(SourcesError::Config("beside the table sources there is something else".into()))
            }
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
            return Err("key is a JSON pointer, as /id".into());
        }
        let signature = self.signature.as_ref().map(|given| self.signature(given)).transpose()?;
        let proof = match (signature, self.secret_place()?) {
            (Some(signature), Some(place)) => Some((signature, place.read().await?)),
            (None, None) => None,
            (Some(_), None) => {
                return Err(
                    "it has a signature and no secret: give secret, secret-file or secret-arn"
                        .into(),
                );
            }
            (None, Some(_)) => return Err(
                "it has a secret and no signature: say how it is signed, as signature = \"github\""
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
                "a source of eventbridge has no signature, rules or headers: IAM says who may send"
                    .into(),
            );
        }
        Ok(Source { target, proof, rules, keep, converter, event_bridge: self.eventbridge.clone() })
    }

    /// The converter of that name; refused where none of its events could be stored.
    fn converter(&self, name: &str, target: &Target) -> Result<Converter, String> {
        let converter: Converter = name.parse().map_err(|error| format!("convert: {error}"))?;
        if target.model() != "cdevents" {
            return Err(format!(
                "convert makes CDEvents, and topic {} is bound to {}: bind it to cdevents",
                self.topic,
                target.model()
            ));
        }
        match converter.event_header() {
            Some(header) if self.eventbridge.is_some() => Err(format!(
                "convert = {name:?} reads the header {header}, and events of eventbridge have none"
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
            _ => Err("give one of secret, secret-file and secret-arn".into()),
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
                        "{name:?} is no signature: there are github, gitlab and standard-webhooks"
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
            return Err(
                "tolerance is for signatures that have a time: gitlab and standard-webhooks".into(),
            );
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
                "keep-headers names {name}, which is a secret of the sender's, or a word of weir's own"
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
            _ => Err(format!("the rule about {name} has one of exists, equals and matches")),
        }
    }
}

fn name_of(text: &str) -> Result<HeaderName, String> {
    text.parse().map_err(|_| format!("{text:?} is no header's name"))
}
