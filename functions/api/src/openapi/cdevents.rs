//! The shapes of what the routes of CDEvents answer and take.

#![expect(dead_code, reason = "they are there to be described")]

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// A CDEvent.
#[derive(ToSchema)]
#[schema(as = CdEvent)]
pub(crate) struct CdEventBody {
    /// `context.id` as it came; where it came without one, its content's CID.
    id: String,
    /// `context.source`.
    source: String,
    /// `context.type`.
    r#type: String,
    /// When it happened.
    #[schema(format = DateTime)]
    timestamp: String,
    /// When it arrived here.
    #[schema(format = DateTime)]
    imported_at: String,
    /// What it is about: `service`, `pipelinerun` …
    subject: String,
    /// What happened: `deployed`, `finished` …
    predicate: String,
    /// Version of its type.
    version: String,
    /// `subject.id`.
    subject_id: String,
    /// `subject.source`.
    #[schema(required)]
    subject_source: Option<String>,
    /// `context.chainId`.
    #[schema(required)]
    chain_id: Option<String>,
    /// What is not as the specification says.
    #[schema(required)]
    problems: Option<String>,
    /// The whole event.
    payload: Value,
}

/// A thing that events are about or name.
#[derive(ToSchema)]
#[schema(as = Subject)]
pub(crate) struct SubjectBody {
    /// What it is.
    kind: String,
    /// Its id.
    id: String,
    /// The earliest instant at which an event was about it or named it.
    #[schema(format = DateTime)]
    first_seen: String,
    /// When the latest event about it happened; null while it was only named.
    #[schema(format = DateTime, required)]
    last_at: Option<String>,
    /// The outcome that the latest event with one says.
    #[schema(required)]
    outcome: Option<String>,
    /// What happened to it, and when last.
    predicates: BTreeMap<String, String>,
    /// What the latest event that names it says of it beside its id.
    #[schema(required)]
    properties: Option<Value>,
}

/// A thing with what happened to it and what it hangs together with.
#[derive(ToSchema)]
pub(crate) struct SubjectWhole {
    /// What it is.
    kind: String,
    /// Its id.
    id: String,
    /// The earliest instant at which an event was about it or named it.
    #[schema(format = DateTime)]
    first_seen: String,
    /// When the latest event about it happened; null while it was only named.
    #[schema(format = DateTime, required)]
    last_at: Option<String>,
    /// The outcome that the latest event with one says.
    #[schema(required)]
    outcome: Option<String>,
    /// What happened to it, and when last.
    predicates: BTreeMap<String, String>,
    /// What the latest event that names it says of it beside its id.
    #[schema(required)]
    properties: Option<Value>,
    /// The latest event about it.
    #[schema(required)]
    payload: Option<Value>,
    /// Its events, the latest first, at most 100.
    history: Vec<Value>,
    /// Its edges in the graph, at most 100 each way.
    edges: Vec<Value>,
}

/// What of an event's identity its id does not say.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct IdentityParams {
    /// `context.source`.
    source: Option<String>,
    /// `context.type`.
    r#type: Option<String>,
}

/// What runs where.
#[derive(ToSchema)]
#[schema(as = Deployment)]
pub(crate) struct DeploymentBody {
    /// The environment.
    environment: String,
    /// The service.
    service: String,
    /// The artifact that runs.
    #[schema(required)]
    artifact: Option<String>,
    /// Its version, where its id is a package URL.
    #[schema(required)]
    version: Option<String>,
    /// Since when.
    #[schema(format = DateTime)]
    since: String,
    /// `deployed`, `upgraded` or `rolledback`.
    change: String,
    /// The id of the event that said so.
    event: String,
}

/// When and where.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeploymentParams {
    /// At this instant; now, where it is not given.
    #[param(format = DateTime)]
    at: Option<String>,
    /// Only in this environment.
    environment: Option<String>,
    /// Only this service.
    service: Option<String>,
}

/// Software delivery in a window. Measures are null where nothing was there to be measured.
#[derive(ToSchema)]
#[schema(as = Dora)]
pub(crate) struct DoraBody {
    /// Where the window begins.
    #[schema(format = DateTime)]
    from: String,
    /// Where it ends.
    #[schema(format = DateTime)]
    to: String,
    /// How often a service was deployed or upgraded.
    deployments: i64,
    /// The same a day.
    #[schema(required)]
    deployments_per_day: Option<f64>,
    /// Median from `artifact.published` to the deployment of that artifact.
    #[schema(required)]
    lead_time_seconds: Option<f64>,
    /// Deployments that were rolled back, or brought an incident, before the next.
    failed: i64,
    /// Failed ones of all.
    #[schema(required)]
    change_failure_rate: Option<f64>,
    /// Incidents that were resolved.
    restored: i64,
    /// Median from their first `detected` or `reported` to `resolved`.
    #[schema(required)]
    time_to_restore_seconds: Option<f64>,
}

/// Which window, of what.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DoraParams {
    /// From this instant on; 30 days before the end, where it is not given.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Before this instant; now, where it is not given.
    #[param(format = DateTime)]
    to: Option<String>,
    /// Only this service.
    service: Option<String>,
    /// Only in this environment.
    environment: Option<String>,
}
