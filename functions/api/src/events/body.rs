//! An event as a client sees it. A failure begins alike.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use tokio_postgres::Row;
use weir_store::event_id::EventId;

use crate::json::{Time, column_json, value_json};

/// What events and failures have in common, read from columns of the same names.
#[derive(Serialize)]
pub(crate) struct Coordinates<'a> {
    id: String,
    topic: &'a str,
    partition: i32,
    offset: i64,
    group_id: &'a str,
    entity_id: Option<&'a str>,
    event_time: Option<Time>,
    event_type: Option<&'a str>,
    event_version: Option<&'a str>,
    checksum: String,
}

impl<'a> Coordinates<'a> {
    pub(crate) fn of(row: &'a Row) -> Result<Self, tokio_postgres::Error> {
        let (topic, partition, offset): (&str, i32, i64) = (row.try_get("topic")?, row.try_get("partition")?, row.try_get("offset")?);
        let id = EventId { topic: topic.to_owned(), partition, offset, stream: row.try_get("later_stream")? };
        Ok(Self {
            id: id.to_string(),
            topic,
            partition,
            offset,
            group_id: row.try_get("group_id")?,
            entity_id: row.try_get("entity_id")?,
            event_time: row.try_get::<_, Option<_>>("event_time")?.map(Time),
            event_type: row.try_get("event_type")?,
            event_version: row.try_get("event_version")?,
            checksum: row.try_get("checksum")?,
        })
    }
}

/// The body. `outcome` and `reason` are there for skipped ones only.
#[derive(Serialize)]
pub(crate) struct Event<'a> {
    #[serde(flatten)]
    coordinates: Coordinates<'a>,
    payload: Option<Cow<'a, RawValue>>,
    created_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl<'a> Event<'a> {
    pub(crate) fn of(row: &'a Row) -> Result<Self, tokio_postgres::Error> {
        // JSON that the column refuses lies in `raw`; a client sees both alike.
        let payload = column_json(row.try_get("payload")?);
        Ok(Self {
            coordinates: Coordinates::of(row)?,
            payload: payload.or(value_json(row.try_get("raw")?)),
            created_at: Time(row.try_get("arrived_at")?),
            outcome: row.try_get("not_event")?,
            reason: row.try_get("reason")?,
        })
    }
}
