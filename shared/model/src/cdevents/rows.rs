//! One batch of events, and the statements that bring every table up to date with the batch.

use std::collections::{BTreeMap, BTreeSet};

use postgres_types::Type;

use super::{
    event::{self, CdEvent},
    graph::Edge,
    subject_state::{DeploymentChange, EventKey, PREDICATES, SubjectState, subject_states},
};
use crate::{
    Chosen, Copy, DayNumber, Event, Outcome, Position, Record, Rows, Statement,
    columns::bind_positions, copy_rows::CopyRows,
};

/// The finding of an event whose identity occurs with different content too. It is the last
/// finding.
pub const IDENTITY_REUSED: &str = "identity reused";

#[derive(Default)]
pub(super) struct CdEventRows<'a>(Vec<CdEvent<'a>>);

/// The event that becomes the row of an identity.
struct Picked<'r> {
    event: &'r CdEvent<'r>,
    problems: Option<String>,
}

impl CdEventRows<'_> {
    fn chosen(&self, chosen: &[Chosen]) -> Vec<(&CdEvent<'_>, Position)> {
        chosen.iter().filter_map(|c| Some((self.0.get(c.row as usize)?, c.at))).collect()
    }

    /// Returns the first event of each identity, in the order of the key. Adds [`IDENTITY_REUSED`]
    /// when another event of the identity has different content.
    fn picked(&self, chosen: &[Chosen]) -> Vec<(Picked<'_>, Position)> {
        let mut all = self.chosen(chosen);
        all.sort_unstable_by(|(a, at_a), (b, at_b)| {
            identity(a).cmp(&identity(b)).then_with(|| at_a.cmp(at_b))
        });
        let mut picked: Vec<(Picked<'_>, Position)> = Vec::with_capacity(all.len());
        for (event, at) in all {
            match picked.last_mut().filter(|(kept, _)| identity(kept.event) == identity(event)) {
                Some((kept, _)) if kept.event.checksum != event.checksum => {
                    kept.problems = Some(with_reuse(kept.event.problems.as_deref()));
                }
                Some(_) => {}
                None => picked.push((
                    Picked { event, problems: event.problems.as_deref().map(str::to_owned) },
                    at,
                )),
            }
        }
        picked
    }
}

fn identity<'e>(event: &'e CdEvent<'_>) -> (&'e str, &'e str, &'e str) {
    (&event.id, &event.source, &event.kind)
}

fn with_reuse(problems: Option<&str>) -> String {
    problems.map_or_else(
        || IDENTITY_REUSED.to_owned(),
        |problems| format!("{problems}; {IDENTITY_REUSED}"),
    )
}

impl<'a> Rows<'a> for CdEventRows<'a> {
    fn decode(&mut self, record: &Record<'a>, json: &'a str) -> Outcome<'a> {
        match event::read(record, json) {
            Ok(cdevent) => {
                let event = Event {
                    entity_id: Some(cdevent.subject_id.clone()),
                    event_time: Some(cdevent.timestamp),
                    event_type: Some(cdevent.kind.clone()),
                    event_version: Some(cdevent.version.clone().into()),
                    problems: cdevent.problems.clone(),
                    row: u32::try_from(self.0.len()).ok(),
                };
                self.0.push(cdevent);
                Outcome::Event(event)
            }
            Err(rejection) => rejection.with_known(event::known(json)).into(),
        }
    }

    fn upsert<'s>(&'s self, chosen: &[Chosen]) -> Vec<Statement<'s>> {
        let picked = self.picked(chosen);
        if picked.is_empty() {
            return Vec::new();
        }
        let column = |of: fn(&'s CdEvent<'s>) -> &'s str| {
            picked.iter().map(|(p, _)| of(p.event)).collect::<Vec<_>>()
        };
        let maybe = |of: fn(&'s CdEvent<'s>) -> Option<&'s str>| {
            picked.iter().map(|(p, _)| of(p.event)).collect::<Vec<_>>()
        };
        let identities = |statement: Statement<'s>| {
            statement
                .bind(column(|e| &e.id), Type::TEXT_ARRAY)
                .bind(column(|e| &e.source), Type::TEXT_ARRAY)
                .bind(column(|e| &e.kind), Type::TEXT_ARRAY)
                .bind(
                    picked.iter().map(|(p, _)| p.event.timestamp).collect::<Vec<_>>(),
                    Type::TIMESTAMPTZ_ARRAY,
                )
        };
        let claim = identities(Statement::new(include_str!("claim_identities.sql"), 0));
        let statement = identities(Statement::new(include_str!("upsert.sql"), picked.len()))
            .bind(column(|e| &e.subject), Type::TEXT_ARRAY)
            .bind(column(|e| &e.predicate), Type::TEXT_ARRAY)
            .bind(column(|e| &e.version), Type::TEXT_ARRAY)
            .bind(column(|e| &e.subject_id), Type::TEXT_ARRAY)
            .bind(maybe(|e| e.subject_source.as_deref()), Type::TEXT_ARRAY)
            .bind(maybe(|e| e.chain_id.as_deref()), Type::TEXT_ARRAY)
            .bind(
                picked.iter().map(|(p, _)| p.problems.clone()).collect::<Vec<_>>(),
                Type::TEXT_ARRAY,
            )
            .bind(column(|e| e.payload), Type::TEXT_ARRAY)
            .bind(
                picked
                    .iter()
                    .map(|(p, _)| p.event.checksum.to_be_bytes().to_vec())
                    .collect::<Vec<_>>(),
                Type::BYTEA_ARRAY,
            )
            .bind(
                picked.iter().map(|(p, _)| p.event.arrived_at).collect::<Vec<_>>(),
                Type::TIMESTAMPTZ_ARRAY,
            );
        let places: Vec<(&Picked<'_>, Position)> = picked.iter().map(|(p, at)| (p, *at)).collect();
        let mut all = vec![claim, bind_positions(statement, &places)];
        all.extend(self.secondary_upserts(chosen));
        all
    }

    fn copy_new(&self, chosen: &[Chosen]) -> Vec<Copy> {
        const COLUMNS: i16 = 17;
        let mut picked = self.picked(chosen);
        let mut identities = CopyRows::new(picked.len() * 160 + 64);
        for (Picked { event, .. }, _) in &picked {
            identities.row(4);
            for text in [&*event.id, &event.source, &event.kind] {
                identities.bytes(Some(text.as_bytes()));
            }
            identities.instant(Some(event.timestamp));
        }
        identities.end();
        // The order of the primary key.
        picked.sort_by_key(|(p, _)| p.event.timestamp);
        let mut rows = CopyRows::new(
            picked.iter().map(|(p, _)| p.event.payload.len() + 400).sum::<usize>() + 64,
        );
        for (Picked { event, problems }, at) in picked {
            rows.row(COLUMNS);
            for text in [&*event.id, &event.source, &event.kind] {
                rows.bytes(Some(text.as_bytes()));
            }
            rows.instant(Some(event.timestamp));
            for text in [&*event.subject, &event.predicate, &event.version, &event.subject_id] {
                rows.bytes(Some(text.as_bytes()));
            }
            for text in
                [event.subject_source.as_deref(), event.chain_id.as_deref(), problems.as_deref()]
            {
                rows.bytes(text.map(str::as_bytes));
            }
            rows.jsonb(event.payload);
            rows.bytes(Some(&event.checksum.to_be_bytes()));
            rows.int8(at.timestamp_ms);
            rows.int4(at.stream);
            rows.int4(at.partition);
            rows.int8(at.offset);
        }
        rows.end();
        vec![
            Copy { sql: include_str!("copy_identities.sql"), data: identities.take() },
            Copy { sql: include_str!("copy.sql"), data: rows.take() },
        ]
    }

    fn secondary_upserts<'s>(&'s self, chosen: &[Chosen]) -> Vec<Statement<'s>> {
        // These tables use every event, also several events with the same identity.
        let events: Vec<&CdEvent<'_>> =
            self.chosen(chosen).into_iter().map(|(event, _)| event).collect();
        let mut all = vec![upsert_subjects(&events)];
        let edges = edges(&events);
        if !edges.is_empty() {
            all.push(upsert_edges(&edges));
        }
        let changes = deployment_changes(&events);
        if !changes.is_empty() {
            all.push(upsert_deployments(&changes));
        }
        all
    }

    fn days(&self, chosen: &[Chosen]) -> Vec<DayNumber> {
        let days: BTreeSet<DayNumber> =
            self.chosen(chosen).into_iter().map(|(event, _)| event.timestamp.day()).collect();
        days.into_iter().collect()
    }
}

fn upsert_subjects<'s>(events: &[&'s CdEvent<'s>]) -> Statement<'s> {
    let all = subject_states(events.iter().copied());
    let column =
        |of: fn(&SubjectState<'s>) -> Option<&'s str>| all.values().map(of).collect::<Vec<_>>();
    let instant = |of: fn(&SubjectState<'s>) -> Option<crate::Micros>| {
        all.values().map(of).collect::<Vec<_>>()
    };
    let mut statement = Statement::new(include_str!("upsert_subjects.sql"), 0)
        .bind(all.keys().map(|(kind, _)| *kind).collect::<Vec<_>>(), Type::TEXT_ARRAY)
        .bind(all.keys().map(|(_, id)| *id).collect::<Vec<_>>(), Type::TEXT_ARRAY)
        .bind(instant(|t| t.first_seen), Type::TIMESTAMPTZ_ARRAY)
        .bind(all.values().map(SubjectState::others_json).collect::<Vec<_>>(), Type::TEXT_ARRAY)
        .bind(instant(|t| t.last.map(|l| l.at)), Type::TIMESTAMPTZ_ARRAY)
        .bind(column(|t| t.last.map(|l| l.kind)), Type::TEXT_ARRAY)
        .bind(column(|t| t.last.map(|l| l.source)), Type::TEXT_ARRAY)
        .bind(column(|t| t.last.map(|l| l.id)), Type::TEXT_ARRAY)
        .bind(instant(|t| t.outcome.map(|(at, _)| at)), Type::TIMESTAMPTZ_ARRAY)
        .bind(column(|t| t.outcome.map(|(_, outcome)| outcome)), Type::TEXT_ARRAY)
        .bind(instant(|t| t.properties.map(|(at, _)| at)), Type::TIMESTAMPTZ_ARRAY)
        .bind(column(|t| t.properties.map(|(_, json)| json)), Type::TEXT_ARRAY);
    for at in 0..PREDICATES.len() {
        statement = statement.bind(
            all.values().map(|t| t.instants[at]).collect::<Vec<_>>(),
            Type::TIMESTAMPTZ_ARRAY,
        );
    }
    statement
}

/// Returns the edges, each with the first event that has it.
fn edges<'s>(events: &[&'s CdEvent<'s>]) -> BTreeMap<&'s Edge<'s>, EventKey<'s>> {
    first(
        events.iter().flat_map(|event| event.edges.iter().map(|edge| (edge, EventKey::by(event)))),
    )
}

fn deployment_changes<'s>(
    events: &[&'s CdEvent<'s>],
) -> BTreeMap<DeploymentChange<'s>, EventKey<'s>> {
    first(
        events.iter().filter_map(|event| Some((DeploymentChange::of(event)?, EventKey::by(event)))),
    )
}

fn first<'s, K: Ord>(all: impl Iterator<Item = (K, EventKey<'s>)>) -> BTreeMap<K, EventKey<'s>> {
    let mut first = BTreeMap::new();
    for (key, event_key) in all {
        let kept = first.entry(key).or_insert(event_key);
        *kept = event_key.min(*kept);
    }
    first
}

fn upsert_edges<'s>(edges: &BTreeMap<&'s Edge<'s>, EventKey<'s>>) -> Statement<'s> {
    let column =
        |of: fn(&'s Edge<'s>) -> &'s str| edges.keys().map(|edge| of(edge)).collect::<Vec<_>>();
    let statement = Statement::new(include_str!("upsert_edges.sql"), 0)
        .bind(column(|e| &e.from_id), Type::TEXT_ARRAY)
        .bind(column(|e| &e.from_kind), Type::TEXT_ARRAY)
        .bind(column(|e| &e.relation), Type::TEXT_ARRAY)
        .bind(column(|e| &e.to_id), Type::TEXT_ARRAY)
        .bind(column(|e| e.to_kind), Type::TEXT_ARRAY);
    bind_event_keys(statement, edges.values())
}

fn upsert_deployments<'s>(changes: &BTreeMap<DeploymentChange<'s>, EventKey<'s>>) -> Statement<'s> {
    let column =
        |of: fn(&DeploymentChange<'s>) -> &'s str| changes.keys().map(of).collect::<Vec<_>>();
    let statement = Statement::new(include_str!("upsert_deployments.sql"), 0)
        .bind(column(|c| c.environment_id), Type::TEXT_ARRAY)
        .bind(column(|c| c.service_id), Type::TEXT_ARRAY)
        .bind(changes.keys().map(|c| c.at).collect::<Vec<_>>(), Type::TIMESTAMPTZ_ARRAY)
        .bind(column(|c| c.what), Type::TEXT_ARRAY)
        .bind(column(|c| c.artifact_id), Type::TEXT_ARRAY);
    bind_event_keys(statement, changes.values())
}

/// Binds the four parts of an event's key.
fn bind_event_keys<'s, 'v>(
    statement: Statement<'s>,
    all: impl Iterator<Item = &'v EventKey<'s>> + Clone,
) -> Statement<'s>
where
    's: 'v,
{
    statement
        .bind(all.clone().map(|s| s.at).collect::<Vec<_>>(), Type::TIMESTAMPTZ_ARRAY)
        .bind(all.clone().map(|s| s.kind).collect::<Vec<_>>(), Type::TEXT_ARRAY)
        .bind(all.clone().map(|s| s.source).collect::<Vec<_>>(), Type::TEXT_ARRAY)
        .bind(all.map(|s| s.id).collect::<Vec<_>>(), Type::TEXT_ARRAY)
}
