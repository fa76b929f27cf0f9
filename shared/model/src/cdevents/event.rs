//! Reads a CDEvent from its JSON text. Parts that do not follow the specification are findings in
//! the event's problems. Only a text that is not a CDEvent at all is rejected.

use std::{borrow::Cow, str::FromStr};

use serde_json::value::RawValue;

use super::{
    cid, content, digest,
    event_type::EventType,
    graph::{self, Edge, Mention},
    members::{Members, scalar, text},
    subject_state::DeploymentChange,
};
use crate::{
    ErrorClass, Event, Micros, Problems, Rejection, cloud_event::CloudEvent, index_entry,
    json_text::refused_by_jsonb, outcome::excerpt, pointer, record::Record,
};

/// Known versions of the specification, without the last number.
const SPECIFICATIONS: [&str; 4] = ["0.3.", "0.4.", "0.5.", "0.6."];

/// One event.
#[derive(Debug, Clone)]
pub struct CdEvent<'a> {
    /// `context.id` as received, or the content's CID.
    pub id: Cow<'a, str>,
    /// `context.source`, or the default source of the topic.
    pub source: Cow<'a, str>,
    /// `context.type` as received.
    pub kind: Cow<'a, str>,
    /// The time of the event.
    pub timestamp: Micros,
    /// The type of the event's subject, lower case: `service`.
    pub subject: String,
    /// The predicate of the event, lower case: `deployed`.
    pub predicate: String,
    /// The version of the event's type.
    pub version: String,
    /// `subject.id`.
    pub subject_id: Cow<'a, str>,
    /// `subject.source`.
    pub subject_source: Option<Cow<'a, str>>,
    /// `context.chainId`.
    pub chain_id: Option<Cow<'a, str>>,
    /// `subject.content.outcome`.
    pub outcome: Option<Cow<'a, str>>,
    /// `subject.content.environment.id`.
    pub environment_id: Option<Cow<'a, str>>,
    /// `subject.content.service.id`.
    pub service_id: Option<Cow<'a, str>>,
    /// `subject.content.artifactId`.
    pub artifact_id: Option<Cow<'a, str>>,
    /// The things that the event names, without its subject.
    pub mentions: Vec<Mention<'a>>,
    /// The relations between things that the event names.
    pub edges: Vec<Edge<'a>>,
    /// Findings about parts that do not follow the specification. `None` when there are no
    /// findings.
    pub problems: Option<Box<str>>,
    /// The JSON text of the event.
    pub payload: &'a str,
    /// The digest of the event's content.
    pub checksum: u128,
    /// The time at which the record arrived. `None` for the start of the transaction.
    pub arrived_at: Option<Micros>,
}

fn refused(message: impl Into<String>) -> Rejection {
    Rejection::new(ErrorClass::InvalidCdevent, message)
}

/// Reads the event from a record's JSON text: a CDEvent, or a `CloudEvent` in structured mode whose
/// `data` is a CDEvent. (In binary mode the value is the whole CDEvent. The headers then add only a
/// time.)
pub fn read<'a>(record: &Record<'a>, json: &'a str) -> Result<CdEvent<'a>, Rejection> {
    let whole: &'a RawValue =
        serde_json::from_str(json).map_err(|e| Rejection::json(ErrorClass::InvalidJson, &e))?;
    let mut payload = whole;
    // The time of the CloudEvent that carries the event.
    let mut outer_time =
        CloudEvent::of(record).and_then(|cloud| cloud.instant().ok().flatten()).map(|read| read.at);
    let mut members = Members::of(payload).ok_or_else(|| refused("a CDEvent must be an object"))?;
    if members.get("context").is_none()
        && let Some(data) = members.get("data")
    {
        payload = data;
        outer_time = members.text("time").and_then(|text| Micros::read(&text)).map(|read| read.at);
        members = Members::of(data).ok_or_else(|| {
            refused("the CloudEvent's data is not a CDEvent: it must be an object")
        })?;
    }
    if refused_by_jsonb(payload.get()) {
        return Err(refused(
            "the event contains data that PostgreSQL's jsonb does not accept: \\u0000, a lone \
                surrogate, a number out of range, or too many levels",
        ));
    }
    of(record, payload.get(), &members, outer_time)
}

/// Returns the fields that can be read from a value that is not a CDEvent.
pub(super) fn known(json: &str) -> Event<'_> {
    let plain = ["/subject/id", "/context/timestamp", "/context/type"].map(Some);
    let wrapped = ["/data/subject/id", "/data/context/timestamp", "/data/context/type"].map(Some);
    let (plain, wrapped) =
        (pointer::find_before_fault(json, plain), pointer::find_before_fault(json, wrapped));
    let part = |n: usize| plain[n].or(wrapped[n]).and_then(pointer::scalar);
    let kind = part(2);
    Event {
        entity_id: part(0),
        event_time: part(1).and_then(|text| Micros::read(&text)).map(|read| read.at),
        event_version: kind
            .as_deref()
            .and_then(EventType::parse)
            .map(|kind| kind.version.to_owned().into()),
        event_type: kind,
        ..Event::default()
    }
}

/// Rejects texts that do not fit into one entry of an index together.
fn measured<const N: usize>(fields: &str, texts: [&str; N]) -> Result<(), Rejection> {
    if index_entry::fits(texts) {
        Ok(())
    } else {
        Err(Rejection::too_long(fields, index_entry::bytes(texts)))
    }
}

fn of<'a>(
    record: &Record<'a>,
    payload: &'a str,
    members: &Members<'a>,
    outer_time: Option<Micros>,
) -> Result<CdEvent<'a>, Rejection> {
    let mut problems = Problems::default();
    let context = members
        .object("context")
        .ok_or_else(|| refused("not a CDEvent: context is missing or not an object"))?;
    let subject = members
        .object("subject")
        .ok_or_else(|| refused("not a CDEvent: subject is missing or not an object"))?;
    let kind = context
        .text("type")
        .ok_or_else(|| refused("not a CDEvent: context.type is missing or not a text"))?;
    let Some(EventType { subject: about, predicate, version }) = EventType::parse(&kind) else {
        return Err(refused(format!(
            "context.type {} is not dev.cdevents.<subject>.<predicate>.<major.minor.patch>",
            excerpt(&kind)
        )));
    };
    let (about, predicate, version) =
        (about.into_owned(), predicate.into_owned(), version.to_owned());
    let subject_id = id_or_none("subject.id", subject.get("id"), &mut problems)
        .ok_or_else(|| refused("not a CDEvent: subject.id is missing"))?;

    for (place, unknown_member) in [
        (
            "",
            members.unknown_member(&["context", "subject", "customData", "customDataContentType"]),
        ),
        (
            "context.",
            context.unknown_member(&[
                "specversion",
                "version",
                "id",
                "source",
                "type",
                "timestamp",
                "schemaUri",
                "chainId",
                "links",
            ]),
        ),
        ("subject.", subject.unknown_member(subject_members(&context))),
    ] {
        if let Some(name) = unknown_member {
            problems.add(format_args!("{place}{name} is not a member of a CDEvent"));
        }
    }
    match context.text("specversion").or_else(|| context.text("version")) {
        None => problems.add("context.specversion is missing"),
        Some(version) if !SPECIFICATIONS.iter().any(|known| version.starts_with(known)) => {
            problems.add(format_args!("context.specversion {} is unknown", excerpt(&version)));
        }
        Some(_) => {}
    }
    let id = context_id(&context, payload, &mut problems)?;
    let source = if let Some(source) =
        id_or_none("context.source", context.get("source"), &mut problems)
    {
        if cdevents_sdk::UriReference::from_str(&source).is_err() {
            problems
                .add(format_args!("context.source {} is not a URI reference", excerpt(&source)));
        }
        source
    } else {
        problems.add("context.source is missing");
        Cow::Owned(default_source(record.topic))
    };
    measured("context.id, context.source and context.type together have", [&id, &source, &kind])?;
    measured("subject.id and the kind of the subject together have", [&subject_id, &about])?;
    let timestamp = timestamp(record, &context, outer_time, &mut problems)?;
    for (name, is_uri) in [("schemaUri", true), ("chainId", false)] {
        if let Some(raw) = context.get(name) {
            let fits =
                text(raw).is_some_and(|t| !is_uri || cdevents_sdk::Uri::from_str(&t).is_ok());
            if !fits {
                problems.add(format_args!(
                    "context.{name} is not a {}",
                    if is_uri { "URI" } else { "text" }
                ));
            }
        }
    }
    if members.get("customDataContentType").is_some_and(|raw| text(raw).is_none()) {
        problems.add("customDataContentType is not a text");
    }
    let subject_source = id_or_none("subject.source", subject.get("source"), &mut problems);
    if subject_source.as_deref().is_some_and(|s| cdevents_sdk::UriReference::from_str(s).is_err()) {
        problems.add("subject.source is not a URI reference");
    }
    content::check(&kind, subject.get("content"), &mut problems);
    let content = subject.object("content").unwrap_or_default();
    let named = graph::References::of(&content, &mut problems);
    let mut event = CdEvent {
        id,
        source,
        kind,
        timestamp,
        subject: about,
        predicate,
        version,
        subject_id,
        subject_source,
        chain_id: context.text("chainId").filter(|id| !id.is_empty()),
        outcome: content.text("outcome").filter(|outcome| !outcome.is_empty()),
        environment_id: named.id("environment"),
        service_id: named.id("service"),
        artifact_id: named.id("artifact"),
        mentions: Vec::new(),
        edges: Vec::new(),
        problems: None,
        arrived_at: record.arrived_at,
        payload,
        checksum: digest::of(payload),
    };
    if let Some(chain_id) = &event.chain_id {
        measured("context.chainId has", [chain_id])?;
    }
    if let Some(DeploymentChange { environment_id, service_id, what, artifact_id, .. }) =
        DeploymentChange::of(&event)
    {
        let fields = "subject.content.environment.id, the service's id and subject.content.artifactId together have";
        measured(fields, [environment_id, service_id, what, artifact_id])?;
    }
    graph::add_edges(&mut event, named, context.get("links"), &mut problems);
    event.problems = problems.done();
    Ok(event)
}

/// Version 0.5 of the specification removed `subject.type`.
fn subject_members(context: &Members<'_>) -> &'static [&'static str] {
    let newer = context
        .text("specversion")
        .is_some_and(|v| !v.starts_with("0.3.") && !v.starts_with("0.4."));
    if newer { &["id", "source", "content"] } else { &["id", "source", "type", "content"] }
}

/// Returns the source of events that do not have one: a slash and the topic.
pub fn default_source(topic: &str) -> String {
    ["/", topic].concat()
}

fn context_id<'a>(
    context: &Members<'a>,
    payload: &str,
    problems: &mut Problems,
) -> Result<Cow<'a, str>, Rejection> {
    match id_or_none("context.id", context.get("id"), problems) {
        // The id "0" asks for the content's id.
        Some(id) if id != "0" => return Ok(id),
        Some(_) => {}
        None => problems.add("context.id is missing, the CID of the content is used"),
    }
    cid::of(payload).map(Cow::Owned).ok_or_else(|| {
        refused("context.id is missing, and the CID of the content cannot be computed")
    })
}

/// Returns a text, or a number as it is written. `None` when the member is missing or empty.
fn id_or_none<'a>(
    name: &str,
    raw: Option<&'a RawValue>,
    problems: &mut Problems,
) -> Option<Cow<'a, str>> {
    let raw = raw?;
    let id = text(raw).or_else(|| {
        problems.add(format_args!("{name} is not a text"));
        scalar(raw).map(Cow::Borrowed)
    });
    id.filter(|id| !id.is_empty())
}

/// Returns the time of the event. Without one, it takes the time of the `CloudEvent`, then the
/// record's timestamp, then the time of arrival.
fn timestamp(
    record: &Record<'_>,
    context: &Members<'_>,
    outer_time: Option<Micros>,
    problems: &mut Problems,
) -> Result<Micros, Rejection> {
    let raw = context.get("timestamp");
    let written = raw.and_then(|raw| text(raw).or_else(|| scalar(raw).map(Cow::Borrowed)));
    if let (Some(raw), Some(read)) = (raw, written.as_deref().and_then(Micros::read)) {
        if !read.has_zone {
            problems.zone("context.timestamp", read);
        } else if text(raw).is_none_or(|text| Micros::from_rfc3339(&text).is_none()) {
            problems.add(format_args!("context.timestamp {} is not RFC 3339", excerpt(raw.get())));
        }
        return Ok(read.at);
    }
    let wrong = raw.map_or_else(
        || "is missing".to_owned(),
        |raw| format!("{} is not RFC 3339", excerpt(raw.get())),
    );
    let stands_for_it = outer_time
        .map(|at| (at, "the CloudEvent's time is used"))
        .or_else(|| record.timestamp_or_arrival());
    let (at, words) = stands_for_it.ok_or_else(|| {
        refused(format!("context.timestamp {wrong} and the record's timestamp {} is outside the years 0 to 9999", record.timestamp_ms))
    })?;
    problems.add(format_args!("context.timestamp {wrong}, {words}"));
    Ok(at)
}
