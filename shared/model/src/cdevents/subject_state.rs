//! The current state of the things that a batch's events are about, and the first time of the
//! things that the events only name. Each thing has one row. Each part of the row is the greatest
//! (or least) value of the events, so that the order of arrival does not matter.

use std::{borrow::Cow, collections::BTreeMap};

use super::{event::CdEvent, graph::Mention};
use crate::Micros;

/// The predicates of the specification. Each has a column `<predicate>_at`. All other predicates
/// share one column.
pub const PREDICATES: [&str; 23] = [
    "abandoned",
    "closed",
    "created",
    "deleted",
    "deployed",
    "detected",
    "downloaded",
    "finished",
    "merged",
    "modified",
    "packaged",
    "published",
    "queued",
    "removed",
    "reported",
    "resolved",
    "reviewed",
    "rolledback",
    "signed",
    "skipped",
    "started",
    "updated",
    "upgraded",
];

/// The order of events: first the time, then the identity. The greatest of several keys does not
/// depend on the order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EventKey<'e> {
    pub(super) at: Micros,
    pub(super) kind: &'e str,
    pub(super) source: &'e str,
    pub(super) id: &'e str,
}

impl<'e> EventKey<'e> {
    pub(super) fn by(event: &'e CdEvent<'_>) -> Self {
        Self { at: event.timestamp, kind: &event.kind, source: &event.source, id: &event.id }
    }
}

/// The state of a thing according to the events of one batch.
#[derive(Debug, Default)]
pub(super) struct SubjectState<'e> {
    pub(super) first_seen: Option<Micros>,
    /// The latest time of each of [`PREDICATES`].
    pub(super) instants: [Option<Micros>; PREDICATES.len()],
    /// The latest time of each other predicate.
    pub(super) others: BTreeMap<&'e str, Micros>,
    pub(super) last: Option<EventKey<'e>>,
    pub(super) outcome: Option<(Micros, &'e str)>,
    /// JSON.
    pub(super) properties: Option<(Micros, &'e str)>,
}

/// The states by kind and id.
pub(super) type SubjectStates<'e> = BTreeMap<(&'e str, &'e str), SubjectState<'e>>;

pub(super) fn subject_states<'e>(
    events: impl Iterator<Item = &'e CdEvent<'e>>,
) -> SubjectStates<'e> {
    let mut all = SubjectStates::new();
    for event in events {
        let thing = all.entry((&event.subject, &event.subject_id)).or_default();
        thing.seen(event.timestamp);
        if let Ok(at) = PREDICATES.binary_search(&event.predicate.as_str()) {
            thing.instants[at] = thing.instants[at].max(Some(event.timestamp));
        } else {
            let instant = thing.others.entry(&event.predicate).or_insert(event.timestamp);
            *instant = event.timestamp.max(*instant);
        }
        thing.last = thing.last.max(Some(EventKey::by(event)));
        thing.outcome =
            thing.outcome.max(event.outcome.as_deref().map(|outcome| (event.timestamp, outcome)));
        for Mention { kind, id, properties } in &event.mentions {
            let thing = all.entry((kind, id)).or_default();
            thing.seen(event.timestamp);
            thing.properties = thing.properties.max(properties.map(|json| (event.timestamp, json)));
        }
    }
    all
}

impl SubjectState<'_> {
    fn seen(&mut self, at: Micros) {
        self.first_seen = Some(self.first_seen.map_or(at, |first| first.min(at)));
    }

    /// Returns the times of other predicates as JSON. `None` when the thing has no other
    /// predicates.
    pub(super) fn others_json(&self) -> Option<String> {
        let all: serde_json::Map<_, _> = self
            .others
            .iter()
            .map(|(name, at)| ((*name).to_owned(), at.rfc3339_micros().into()))
            .collect();
        (!all.is_empty()).then(|| serde_json::Value::Object(all).to_string())
    }
}

/// A deployment, upgrade, rollback, removal or incident of a service in an environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DeploymentChange<'e> {
    pub(super) environment_id: &'e str,
    pub(super) service_id: &'e str,
    pub(super) at: Micros,
    pub(super) what: &'e str,
    pub(super) artifact_id: &'e str,
}

impl<'e> DeploymentChange<'e> {
    /// Returns the change of an event that names both a service and an environment.
    pub(super) fn of(event: &'e CdEvent<'_>) -> Option<Self> {
        let environment_id: &Cow<'_, str> = event.environment_id.as_ref()?;
        let service_id = match (event.subject.as_str(), event.predicate.as_str()) {
            ("service", "deployed" | "upgraded" | "rolledback" | "removed") => &event.subject_id,
            ("incident", "detected" | "reported") => event.service_id.as_ref()?,
            _ => return None,
        };
        let artifact_id =
            event.artifact_id.as_deref().filter(|_| event.subject == "service").unwrap_or_default();
        Some(Self {
            environment_id,
            service_id,
            at: event.timestamp,
            what: &event.predicate,
            artifact_id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predicates_can_be_searched() {
        assert!(PREDICATES.is_sorted());
    }
}
