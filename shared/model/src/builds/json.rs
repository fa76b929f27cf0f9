//! The envelope of Probo's `build_events` and the build in it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::field::{
    Raw, Unit, boolean, integer, is_falsy, is_object, json, required_uuid, small_integer, text,
    time, uuid,
};
use crate::{ErrorClass, Event, Micros, Problems, Record, Rejection, pointer};

/// A build with one field for each column of its table.
#[expect(clippy::struct_field_names, reason = "the names are those of the columns")]
pub(super) struct Build<'a> {
    pub id: Uuid,
    pub project_id: Uuid,
    pub request_id: Option<Uuid>,
    pub branch_name: Option<Cow<'a, str>>,
    pub branch_url: Option<Cow<'a, str>>,
    pub commit_ref: Option<Cow<'a, str>>,
    pub commit_url: Option<Cow<'a, str>>,
    pub pr_name: Option<Cow<'a, str>>,
    pub pr_number: Option<Cow<'a, str>>,
    pub pr_description: Option<Cow<'a, str>>,
    pub pr_url: Option<Cow<'a, str>>,
    pub bytes_real: i64,
    pub bytes_virtual: i64,
    pub config: Option<&'a str>,
    pub pinned: bool,
    pub reaped: bool,
    pub reaped_reason: Option<i32>,
    pub reaped_reason_text: Option<Cow<'a, str>>,
    pub reaped_date: Option<Micros>,
    pub status_build: Option<Cow<'a, str>>,
    pub status_submitted: Option<Cow<'a, str>>,
    pub steps: Option<&'a str>,
    pub time_started: Micros,
    pub time_updated: Micros,
}

/// The result of reading a value.
#[expect(
    clippy::large_enum_variant,
    reason = "the value is returned at once, so its size does not matter"
)]
pub(super) enum BuildMessage<'a> {
    Build {
        build: Build<'a>,
        event_type: Option<Cow<'a, str>>,
        event_version: Option<Cow<'a, str>>,
        problems: Problems,
    },
    NoBuild(&'static str),
}

#[derive(Deserialize)]
struct EnvelopeJson<'a> {
    #[serde(borrow, default)]
    version: Raw<'a>,
    #[serde(borrow, default)]
    data: Raw<'a>,
}

#[derive(Deserialize)]
struct DataJson<'a> {
    #[serde(borrow, default)]
    event: Raw<'a>,
    #[serde(borrow, default)]
    build: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BuildJson<'a> {
    #[serde(borrow, default)]
    id: Raw<'a>,
    #[serde(borrow, default)]
    project_id: Raw<'a>,
    #[serde(borrow, default)]
    request_id: Raw<'a>,
    #[serde(borrow, default)]
    branch: Raw<'a>,
    #[serde(borrow, default)]
    commit: Raw<'a>,
    #[serde(borrow, default)]
    pull_request: Raw<'a>,
    #[serde(borrow, default)]
    disk_space: Raw<'a>,
    #[serde(borrow, default)]
    config: Raw<'a>,
    #[serde(borrow, default)]
    pinned: Raw<'a>,
    #[serde(borrow, default)]
    reaped: Raw<'a>,
    #[serde(borrow, default)]
    reaped_reason: Raw<'a>,
    #[serde(borrow, default)]
    reaped_reason_text: Raw<'a>,
    #[serde(borrow, default)]
    reaped_date: Raw<'a>,
    #[serde(borrow, default)]
    status: Raw<'a>,
    #[serde(borrow, default)]
    submitted_state: Raw<'a>,
    #[serde(borrow, default)]
    steps: Raw<'a>,
    #[serde(borrow, default)]
    created_at: Raw<'a>,
    #[serde(borrow, default)]
    updated_at: Raw<'a>,
}

/// The members of `branch`, `commit`, `pullRequest` and `diskSpace` that are kept.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct PartJson<'a> {
    #[serde(borrow, default)]
    name: Raw<'a>,
    #[serde(borrow, default)]
    html_url: Raw<'a>,
    #[serde(borrow, default, rename = "ref")]
    reference: Raw<'a>,
    #[serde(borrow, default)]
    number: Raw<'a>,
    #[serde(borrow, default)]
    description: Raw<'a>,
    #[serde(borrow, default)]
    real_bytes: Raw<'a>,
    #[serde(borrow, default)]
    virtual_bytes: Raw<'a>,
}

/// Reads a value. Returns `NoBuild` for JSON without a build, so that the record is skipped.
/// Rejects a value that is not JSON, a build without identity, and a build with a member that no
/// column can hold.
pub(super) fn read<'a>(record: &Record<'_>, value: &'a str) -> Result<BuildMessage<'a>, Rejection> {
    const NO_DATA: BuildMessage<'_> = BuildMessage::NoBuild("the value has no data");
    const NO_BUILD: BuildMessage<'_> = BuildMessage::NoBuild("the value has no build");
    let whole: &RawValue =
        serde_json::from_str(value).map_err(|e| Rejection::json(ErrorClass::InvalidJson, &e))?;
    if !is_object(whole) {
        return Ok(NO_DATA);
    }
    let envelope: EnvelopeJson<'_> = parse("the value", whole)?;
    let data: DataJson<'_> = match envelope.data {
        data if is_falsy(data) => return Ok(NO_DATA),
        Some(data) if is_object(data) => parse("data", data)?,
        _ => return Ok(NO_BUILD),
    };
    let mut problems = Problems::default();
    let build = match data.build {
        build if is_falsy(build) => return Ok(NO_BUILD),
        Some(build) if is_object(build) => {
            build_of(record, &parse("build", build)?, &mut problems)?
        }
        _ => return Err(Rejection::new(ErrorClass::InvalidBuild, "build is not an object")),
    };
    let (event_type, event_version) =
        (text("event", data.event)?, text("version", envelope.version)?);
    Ok(BuildMessage::Build { build, event_type, event_version, problems })
}

/// Returns the fields that can be read from a value that is not a valid build.
pub(super) fn known(value: &str) -> Event<'_> {
    let pointers = ["/data/build/id", "/data/build/updatedAt", "/data/event", "/version"].map(Some);
    let [id, updated, event, version] =
        pointer::find_before_fault(value, pointers).map(|raw| raw.and_then(pointer::scalar));
    Event {
        // A UUID gets the same spelling as in the events of builds.
        entity_id: id.map(|id| Uuid::parse_str(&id).map_or(id, |uuid| uuid.to_string().into())),
        event_time: updated.and_then(|text| Micros::read(text.trim())).map(|read| read.at),
        event_type: event,
        event_version: version,
        ..Event::default()
    }
}

fn parse<'a, T: Deserialize<'a>>(what: &str, raw: &'a RawValue) -> Result<T, Rejection> {
    serde_json::from_str(raw.get())
        .map_err(|e| Rejection::new(ErrorClass::InvalidBuild, format!("{what}: {e}")))
}

/// Reads a nested object. A value of another type (`"pullRequest": null`, a string) counts as
/// missing.
fn part<'a>(what: &str, raw: Raw<'a>) -> Result<PartJson<'a>, Rejection> {
    raw.filter(|r| is_object(r)).map_or_else(|| Ok(PartJson::default()), |r| parse(what, r))
}

fn build_of<'a>(
    record: &Record<'_>,
    build: &BuildJson<'a>,
    problems: &mut Problems,
) -> Result<Build<'a>, Rejection> {
    let (branch, commit) = (part("branch", build.branch)?, part("commit", build.commit)?);
    let (pull_request, disk) =
        (part("pullRequest", build.pull_request)?, part("diskSpace", build.disk_space)?);
    let mut or_record = |name: &str, raw: Raw<'a>| {
        if let Some(instant) = time(name, raw, Unit::BySize, problems)? {
            return Ok(instant);
        }
        let (instant, words) = record.timestamp_or_arrival().ok_or_else(|| {
            Rejection::new(
                ErrorClass::InvalidBuild,
                format!("{name} is missing and the record's timestamp {} is outside the years 0 to 9999", record.timestamp_ms),
            )
        })?;
        if record.timestamp().is_none() {
            problems
                .add(format_args!("{name} is missing and the record has no timestamp, {words}"));
        }
        Ok::<Micros, Rejection>(instant)
    };
    let (time_started, time_updated) =
        (or_record("createdAt", build.created_at)?, or_record("updatedAt", build.updated_at)?);
    Ok(Build {
        id: required_uuid("id", build.id)?,
        project_id: required_uuid("projectId", build.project_id)?,
        request_id: uuid("requestId", build.request_id)?,
        branch_name: text("branch.name", branch.name)?,
        branch_url: text("branch.htmlUrl", branch.html_url)?,
        commit_ref: text("commit.ref", commit.reference)?,
        commit_url: text("commit.htmlUrl", commit.html_url)?,
        pr_name: text("pullRequest.name", pull_request.name)?,
        pr_number: text("pullRequest.number", pull_request.number)?,
        pr_description: text("pullRequest.description", pull_request.description)?,
        pr_url: text("pullRequest.htmlUrl", pull_request.html_url)?,
        bytes_real: integer("diskSpace.realBytes", disk.real_bytes)?.unwrap_or(0),
        bytes_virtual: integer("diskSpace.virtualBytes", disk.virtual_bytes)?.unwrap_or(0),
        config: json("config", build.config)?,
        pinned: boolean(build.pinned),
        reaped: boolean(build.reaped),
        reaped_reason: small_integer("reapedReason", build.reaped_reason)?,
        reaped_reason_text: text("reapedReasonText", build.reaped_reason_text)?,
        reaped_date: time("reapedDate", build.reaped_date, Unit::Milliseconds, problems)?,
        status_build: text("status", build.status)?,
        status_submitted: text("submittedState", build.submitted_state)?,
        steps: json("steps", build.steps)?,
        time_started,
        time_updated,
    })
}
