//! Sources that send events: webhooks and event buses. Each source has a name, a topic, and a way
//! to prove its identity.

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

/// An error in the configured sources: one line that names the source.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
    /// The configuration is invalid.
    #[error("sources: {0}")]
    Config(String),
    /// One source is invalid.
    #[error("source {source_name}: {fault}")]
    Source {
        /// The source's name.
        source_name: String,
        /// The reason as text.
        fault: String,
    },
}

/// The configured sources, by name. Cheap to clone.
#[derive(Clone, Default)]
pub struct Sources(Arc<BTreeMap<String, Source>>);

/// A configured origin of webhooks or of events of a bus.
pub struct Source {
    /// The target of the source's events.
    pub(crate) target: Target,
    /// The signature and its secrets. Without them the source needs an API key.
    pub(crate) proof: Option<(Signature, Secrets)>,
    /// The conditions for the source's headers.
    pub(crate) rules: Vec<Rule>,
    /// The headers that are copied to Kafka.
    pub(crate) keep: Vec<HeaderName>,
    /// The converter that makes `CDEvents` of the source's messages.
    pub(crate) converter: Option<Converter>,
    /// Selects the events of `EventBridge` that belong to the source.
    pub(crate) event_bridge: Option<config::EventBridge>,
}

impl Sources {
    /// Reads the secrets, and checks every source against the bound topics.
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

    /// Returns the webhook source with this name.
    pub fn webhook(&self, name: &str) -> Option<&Source> {
        self.0.get(name).filter(|source| source.event_bridge.is_none())
    }

    /// Returns the first source, in the order of names, that matches an event of `EventBridge`.
    pub fn event_bridge(&self, source: &str, detail_type: &str) -> Option<&Source> {
        self.0.values().find(|one| {
            one.event_bridge.as_ref().is_some_and(|rule| rule.matches(source, detail_type))
        })
    }

    /// Returns the number of sources.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether no source is configured.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Sends an event of a bus, which gets no answer with a refusal: the events that its converter
/// makes, or the unchanged event if the conversion fails.
pub async fn forward(source: &Source, text: &str) -> Report {
    let mut run = IntakeRun::new(&source.target);
    let values = source.values(None, text).unwrap_or_else(|error| {
        tracing::warn!(%error, "the event was not converted; it is kept unchanged");
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
    /// Returns the values for the source's topic: the message itself, or the events that the
    /// converter makes of it. The list may be empty.
    pub fn values<'m>(
        &self,
        event: Option<&str>,
        body: &'m str,
    ) -> Result<Vec<Cow<'m, str>>, ConvertError> {
        let Some(converter) = self.converter else { return Ok(vec![Cow::Borrowed(body)]) };
        let events = converter.convert(Message { event, body })?;
        Ok(events.into_iter().map(|event| Cow::Owned(event.to_string())).collect())
    }

    /// Returns the header with the message's type, if the converter needs it.
    pub fn event<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        headers.get(self.converter?.event_header()?)?.to_str().ok()
    }

    /// Returns the first rule that the headers break, as text.
    pub fn broken_rule(&self, headers: &HeaderMap) -> Option<String> {
        self.rules.iter().find(|rule| !rule.holds(headers)).map(ToString::to_string)
    }

    /// Returns the headers that are copied to Kafka, with names in lower case.
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
