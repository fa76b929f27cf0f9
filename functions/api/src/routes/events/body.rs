//! The JSON of an event. The JSON of a failure has the same first members.

use data_encoding::HEXLOWER;
use tokio_postgres::Row;
use weir_model::{
    Micros,
    listing::{ColumnKind, ListColumn},
};
use weir_store::event_id::EventId;

use crate::{
    json::{JsonText, column_json, value_json},
    list::{Cell, ColumnPlaces, RowEncoder, Value},
    openapi::listed_body,
    stream_ids::Known,
};

/// The key that orders events and failures: event time, arrival, stream, partition, offset.
pub(crate) const KEY: [ColumnKind; 5] = [
    ColumnKind::Instant,
    ColumnKind::Instant,
    ColumnKind::Int4,
    ColumnKind::Int4,
    ColumnKind::Int8,
];

/// `-infinity`, which replaces a missing event time. Records without an event time are last.
const NO_TIME: Micros = Micros(i64::MIN);

/// Returns the key of a row with the columns of [`Coordinates`] and `arrived_at`.
pub(crate) fn key(row: &Row) -> Result<Vec<Value>, tokio_postgres::Error> {
    Ok(vec![
        Value::Instant(row.try_get::<_, Option<_>>("event_time")?.unwrap_or(NO_TIME)),
        Value::Instant(row.try_get("arrived_at")?),
        Value::Int4(row.try_get("stream")?),
        Value::Int4(row.try_get("partition")?),
        Value::Int8(row.try_get("offset")?),
    ])
}

/// The members that events and failures share.
pub(crate) const COORDINATES: &[ListColumn] = &[
    ListColumn::of(
        "id",
        ColumnKind::Text,
        "`<topic>-<partition>-<offset>`, followed by `~<stream>` unless it is the topic's first \
            stream.",
    ),
    ListColumn::of("topic", ColumnKind::Text, "Kafka topic."),
    ListColumn::of("partition", ColumnKind::Int4, "Kafka partition."),
    ListColumn::of("offset", ColumnKind::Int8, "Kafka offset."),
    ListColumn::of("group_id", ColumnKind::Text, "Kafka consumer group."),
    ListColumn::maybe(
        "entity_id",
        ColumnKind::Text,
        "The id of the thing that the event is about; for a failure only if it could be read.",
    ),
    ListColumn::maybe("event_time", ColumnKind::Instant, "The time of the event, RFC 3339 in UTC."),
    ListColumn::maybe("event_type", ColumnKind::Text, "The type of the event."),
    ListColumn::maybe("event_version", ColumnKind::Text, "The version of the event's format."),
    ListColumn::of(
        "checksum",
        ColumnKind::Text,
        "xxh3-128 over timestamp, headers, key and value: 32 hex digits.",
    ),
];

/// The members of an event after the shared ones.
const OWN: &[ListColumn] = &[
    ListColumn::maybe(
        "payload",
        ColumnKind::Json,
        "The record's value; null if the value is not JSON.",
    ),
    ListColumn::of("created_at", ColumnKind::Instant, "The time at which the record arrived."),
    ListColumn::optional(
        "outcome",
        ColumnKind::Text,
        "`skipped`, for a record that its model skipped.",
    ),
    ListColumn::optional("reason", ColumnKind::Text, "The reason why the record was skipped."),
    ListColumn::optional(
        "problems",
        ColumnKind::Text,
        "Findings about the event, separated by `; `. The member is missing if nothing was found.",
    ),
];

listed_body!(EventBody, "Event", "An event of the log.", [COORDINATES, OWN].into_iter().flatten());

/// Reads the shared members.
pub(crate) struct Coordinates {
    streams: Known,
    columns: ColumnPlaces<8>,
}

impl Coordinates {
    pub(crate) fn new(streams: Known) -> Self {
        let names = [
            "stream",
            "partition",
            "offset",
            "entity_id",
            "event_time",
            "event_type",
            "event_version",
            "checksum",
        ];
        Self { streams, columns: ColumnPlaces::of(names) }
    }

    pub(crate) fn read<'r>(
        &'r self,
        row: &'r Row,
        cells: &mut Vec<Cell<'r>>,
    ) -> Result<(), tokio_postgres::Error> {
        let [stream, partition, offset, entity_id, event_time, event_type, event_version, checksum] =
            self.columns.within(row);
        let (id, partition, offset): (i32, i32, i64) =
            (row.try_get(stream)?, row.try_get(partition)?, row.try_get(offset)?);
        // The streams are read after the rows, so every stream is known.
        let (topic, group_id, later) =
            self.streams.get(&id).map_or(("", "", Some(id)), |s| (&s.topic, &s.group_id, s.later));
        let checksum: &[u8] = row.try_get(checksum)?;
        cells.push(Cell::Owned(
            EventId { topic: topic.to_owned(), partition, offset, stream: later }.to_string(),
        ));
        cells.push(topic.into());
        cells.push(Cell::Int(partition.into()));
        cells.push(Cell::Int(offset));
        cells.push(group_id.into());
        cells.push(row.try_get::<_, Option<&str>>(entity_id)?.into());
        cells.push(row.try_get::<_, Option<Micros>>(event_time)?.into());
        cells.push(row.try_get::<_, Option<&str>>(event_type)?.into());
        cells.push(row.try_get::<_, Option<&str>>(event_version)?.into());
        cells.push(Cell::Owned(HEXLOWER.encode(checksum)));
        Ok(())
    }
}

/// Reads events. Only skipped events have `outcome` and `reason`. Only events with findings have
/// `problems`.
pub(crate) struct Events {
    coordinates: Coordinates,
    columns: ColumnPlaces<6>,
}

impl Events {
    pub(crate) fn new(streams: Known) -> Self {
        let columns =
            ColumnPlaces::of(["payload", "raw", "arrived_at", "outcome", "reason", "problems"]);
        Self { coordinates: Coordinates::new(streams), columns }
    }
}

impl RowEncoder for Events {
    fn names(&self) -> Vec<&'static str> {
        COORDINATES.iter().chain(OWN).map(|column| column.name).collect()
    }

    fn cells<'r>(
        &'r self,
        row: &'r Row,
        cells: &mut Vec<Cell<'r>>,
    ) -> Result<(), tokio_postgres::Error> {
        self.coordinates.read(row, cells)?;
        let [payload, raw, arrived_at, outcome, reason, problems] = self.columns.within(row);
        // JSON that the column refuses is in `raw`. The API shows both in the same way.
        let payload =
            column_json(row.try_get::<_, Option<JsonText<'_>>>(payload)?.map(|json| json.0));
        cells.push(payload.or(value_json(row.try_get(raw)?)).into());
        cells.push(Cell::Instant(row.try_get(arrived_at)?));
        let skipped = Some(row.try_get::<_, &str>(outcome)?).filter(|outcome| *outcome != "event");
        cells.push(skipped.map_or(Cell::Absent, Cell::from));
        cells.push(row.try_get::<_, Option<&str>>(reason)?.map_or(Cell::Absent, Cell::from));
        cells.push(row.try_get::<_, Option<&str>>(problems)?.map_or(Cell::Absent, Cell::from));
        Ok(())
    }
}
