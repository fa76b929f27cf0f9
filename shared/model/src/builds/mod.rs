//! `builds`: the state of a CI build (replaces Probo-DB).
//!
//! The table has one row per build. The row is the maximum of the build's events by (reaped,
//! `time_updated`, record timestamp, stream, partition, offset). A newer event wins over an older
//! one, and a reaped build stays reaped. The order of arrival does not matter.

mod field;
mod json;
mod list;

use std::cmp::Ordering;

use postgres_types::Type;

use crate::{
    Chosen, Event, Micros, Model, Outcome, ProjectionKind, Record, Rows, Statement, Topics,
    columns::{bind_positions, column, newest_by_key},
    listing::Listing,
    sample::Sample,
};
use json::{Build, BuildMessage};
pub use list::LISTING;

/// The model `builds`.
#[derive(Debug, Default)]
pub struct Builds;

impl Model for Builds {
    fn name(&self) -> &'static str {
        "builds"
    }

    fn kind(&self) -> ProjectionKind {
        ProjectionKind::State
    }

    fn rows<'a>(&'a self, _: &'a Topics) -> Box<dyn Rows<'a> + 'a> {
        Box::new(BuildRows(Vec::new()))
    }

    fn clear(&self) -> Option<&'static str> {
        Some("-- clear_builds\nDELETE FROM builds")
    }

    fn tables(&self) -> &'static [&'static str] {
        &["builds"]
    }

    fn default_topic(&self) -> Option<&'static str> {
        Some("build_events")
    }

    fn listing(&self) -> Option<Listing> {
        Some(LISTING)
    }

    fn samples(&self, now: Micros) -> Vec<Sample> {
        sample_builds(now)
    }
}

struct BuildRows<'a>(Vec<Build<'a>>);

impl<'a> Rows<'a> for BuildRows<'a> {
    fn decode(&mut self, record: &Record<'a>, json: &'a str) -> Outcome<'a> {
        match json::read(record, json) {
            Ok(BuildMessage::Build { build, event_type, event_version, problems }) => {
                let event = Event {
                    entity_id: Some(build.id.to_string().into()),
                    event_time: Some(build.time_updated),
                    event_type,
                    event_version,
                    problems: problems.done(),
                    row: u32::try_from(self.0.len()).ok(),
                };
                self.0.push(build);
                Outcome::Event(event)
            }
            Ok(BuildMessage::NoBuild(reason)) => Outcome::Skip(reason.into()),
            Err(rejection) => rejection.with_known(json::known(json)).into(),
        }
    }

    fn upsert<'s>(&'s self, chosen: &[Chosen]) -> Vec<Statement<'s>> {
        let rank = |a: &Build<'_>, b: &Build<'_>| -> Ordering {
            a.reaped.cmp(&b.reaped).then(a.time_updated.cmp(&b.time_updated))
        };
        let picked = newest_by_key(&self.0, chosen, |a, b| a.id.cmp(&b.id), rank);
        if picked.is_empty() {
            return Vec::new();
        }
        let statement = Statement::new(include_str!("upsert.sql"), picked.len())
            .bind(column(&picked, |b| b.id), Type::UUID_ARRAY)
            .bind(column(&picked, |b| b.project_id), Type::UUID_ARRAY)
            .bind(column(&picked, |b| b.request_id), Type::UUID_ARRAY)
            .bind(column(&picked, |b| b.branch_name.as_deref()), Type::TEXT_ARRAY)
            .bind(column(&picked, |b| b.branch_url.as_deref()), Type::TEXT_ARRAY)
            .bind(column(&picked, |b| b.commit_ref.as_deref()), Type::TEXT_ARRAY)
            .bind(column(&picked, |b| b.commit_url.as_deref()), Type::TEXT_ARRAY)
            .bind(column(&picked, |b| b.pr_name.as_deref()), Type::TEXT_ARRAY)
            .bind(column(&picked, |b| b.pr_number.as_deref()), Type::TEXT_ARRAY)
            .bind(column(&picked, |b| b.pr_description.as_deref()), Type::TEXT_ARRAY)
            .bind(column(&picked, |b| b.pr_url.as_deref()), Type::TEXT_ARRAY)
            .bind(column(&picked, |b| b.bytes_real), Type::INT8_ARRAY)
            .bind(column(&picked, |b| b.bytes_virtual), Type::INT8_ARRAY)
            .bind(column(&picked, |b| b.config), Type::TEXT_ARRAY)
            .bind(column(&picked, |b| b.pinned), Type::BOOL_ARRAY)
            .bind(column(&picked, |b| b.reaped), Type::BOOL_ARRAY)
            .bind(column(&picked, |b| b.reaped_reason), Type::INT4_ARRAY)
            .bind(column(&picked, |b| b.reaped_reason_text.as_deref()), Type::TEXT_ARRAY)
            .bind(column(&picked, |b| b.reaped_date), Type::TIMESTAMPTZ_ARRAY)
            .bind(column(&picked, |b| b.status_build.as_deref()), Type::TEXT_ARRAY)
            .bind(column(&picked, |b| b.status_submitted.as_deref()), Type::TEXT_ARRAY)
            .bind(column(&picked, |b| b.steps), Type::TEXT_ARRAY)
            .bind(column(&picked, |b| b.time_started), Type::TIMESTAMPTZ_ARRAY)
            .bind(column(&picked, |b| b.time_updated), Type::TIMESTAMPTZ_ARRAY);
        vec![bind_positions(statement, &picked)]
    }
}

/// Returns three builds of one project for a new data folder: one running, one ready, one reaped.
fn sample_builds(now: Micros) -> Vec<Sample> {
    let project = "0e3c1f6a-2f50-4a86-9d5c-7b9c1a4f2d10";
    let of = |n: u8, event: &str, status: &str, reaped: bool, minutes: i64| {
        let at = Micros(now.0 - minutes * 60_000_000);
        let value = serde_json::json!({"version": 1, "data": {"topic": "build_events", "event": event, "data": {}, "build": {
            "id": format!("5a3b9c00-0000-4000-8000-0000000000{n:02}"),
            "projectId": project,
            "requestId": format!("7c1d2e00-0000-4000-8000-0000000000{n:02}"),
            "branch": {"name": format!("feature/sail-{n}"), "htmlUrl": format!("https://git.example/harbour/sails/tree/feature/sail-{n}")},
            "commit": {"ref": format!("{n:040x}"), "htmlUrl": format!("https://git.example/harbour/sails/commit/{n:040x}")},
            "pullRequest": {"number": n.to_string(), "name": format!("Trim sail {n}"), "htmlUrl": format!("https://git.example/harbour/sails/pull/{n}"), "description": ""},
            "diskSpace": {"realBytes": 13_462_483 * i64::from(n), "virtualBytes": 1_512_017_490},
            "config": {"image": "harbour/rigging:3", "steps": [{"name": "make"}]},
            "steps": [{"name": "make", "state": if status == "running" { "running" } else { "success" }}],
            "pinned": false, "reaped": reaped, "reapedReason": i32::from(reaped) * 4,
            "status": status, "submittedState": "pending",
            "createdAt": Micros(now.0 - (60 - i64::from(n)) * 60_000_000).rfc3339_millis(), "updatedAt": at.rfc3339_millis()
        }}});
        Sample { key: None, value: value.to_string(), timestamp_ms: at.0 / 1000 }
    };
    vec![
        of(1, "started", "running", false, 50),
        of(2, "started", "running", false, 45),
        of(1, "ready", "success", false, 44),
        of(3, "started", "running", false, 5),
        of(2, "ready", "error", false, 40),
        of(2, "reaped", "error", true, 10),
    ]
}
