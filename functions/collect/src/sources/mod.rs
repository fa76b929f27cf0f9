//! Who sends events of their own accord: webhooks, and buses. Each source has a name, a topic, and
//! a way to tell it from a stranger.

mod config;
mod rules;
mod secret;
mod signature;

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use axum::http::{HeaderMap, HeaderName};

pub use config::SourcesConfig;
pub use rules::Rule;
pub use secret::Secrets;
pub use signature::{Encoding, Signature};

use weir_model::cdevents::convert::{ConvertError, Converter, Message};

use crate::{
    intake::{Intake, IntakeRun, Report, Target},
    splitting::ValuePlace,
};

/// Why the sources cannot be as they are configured; one line that names the source.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
    /// The configuration is wrong.
    #[error("sources: {0}")]
    Config(String),
    /// A source is wrong.
    #[error("source {source_name}: {fault}")]
    Source {
        /// Its name.
        source_name: String,
        /// What is wrong with it.
        fault: String,
    },
}

/// The sources in force, by name. Cheap to clone.
#[derive(Clone, Default)]
pub struct Sources(Arc<BTreeMap<String, Source>>);

/// One source.
pub struct Source {
    /// Where its events go.
    pub(crate) target: Target,
    /// How it shows that it is the sender; without one it needs an API key.
    pub(crate) proof: Option<(Signature, Secrets)>,
    /// What its headers have to be.
    pub(crate) rules: Vec<Rule>,
    /// Headers that go along to Kafka.
    pub(crate) keep: Vec<HeaderName>,
    /// What makes `CDEvents` of its messages.
    pub(crate) converter: Option<Converter>,
    /// Which events of `EventBridge` are its.
    pub(crate) event_bridge: Option<config::EventBridge>,
}

impl Sources {
    /// Reads the secrets, and checks every source against the topics that there are.
    pub async fn open(config: &SourcesConfig, intake: &Intake) -> Result<Self, SourcesError> {
        let mut all = BTreeMap::new();
        for (name, source) in config.iter() {
            let source = source
                .open(intake)
                .await
                .map_err(|fault| SourcesError::Source { source_name: name.clone(), fault })?;
            all.insert(name.clone(), source);
        }
        Ok(Self(Arc::new(all)))
    }

    /// The webhook of that name.
    pub fn webhook(&self, name: &str) -> Option<&Source> {
        self.0.get(name).filter(|source| source.event_bridge.is_none())
    }

    /// Where an event of `EventBridge` goes: the first source, by name, whose source and detail
    /// type it has.
    pub fn event_bridge(&self, source: &str, detail_type: &str) -> Option<&Source> {
        self.0.values().find(|one| {
            one.event_bridge.as_ref().is_some_and(|rule| rule.matches(source, detail_type))
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Sends what came from a bus, where nobody can be told that it is refused: what its converter
/// makes of it, or all of it as it is.
pub async fn forward(source: &Source, text: &str) -> Report {
    let mut run = IntakeRun::new(&source.target);
    let values = source.values(None, text).unwrap_or_else(|error| {
        tracing::warn!(%error, "the event was not converted and is kept as it is");
        vec![Cow::Borrowed(text)]
    });
    for (value, number) in values.iter().zip(1..) {
        if !run.as_it_is(ValuePlace { line: 1, number }, value).await {
            break;
        }
    }
    run.end().await
}

impl Source {
    /// What a message becomes in the source's topic: itself, or the events that its converter makes
    /// of it, which may be none.
    pub fn values<'m>(
        &self,
        event: Option<&str>,
        body: &'m str,
    ) -> Result<Vec<Cow<'m, str>>, ConvertError> {
        let Some(converter) = self.converter else { return Ok(vec![Cow::Borrowed(body)]) };
        let events = converter.convert(Message { event, body })?;
        Ok(events.into_iter().map(|event| Cow::Owned(event.to_string())).collect())
    }

    /// What the sender says in a header that a message is, where its converter has to know.
    pub fn event<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        headers.get(self.converter?.event_header()?)?.to_str().ok()
    }

    /// The first rule that the headers break, in words.
    pub fn broken_rule(&self, headers: &HeaderMap) -> Option<String> {
        self.rules.iter().find(|rule| !rule.holds(headers)).map(ToString::to_string)
    }

    /// The headers that go along to Kafka: names in lower case.
    pub fn kept<'h>(&self, headers: &'h HeaderMap) -> Vec<weir_kafka::OutgoingHeader<'h>> {
        let values = |name: &HeaderName| {
            let name = name.as_str().to_owned();
            headers
                .get_all(&name)
                .iter()
                .map(move |value| (name.clone().into(), Some(value.as_bytes().into())))
        };
        self.keep.iter().flat_map(values).collect()
    }
}
