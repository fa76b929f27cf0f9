//! An event as a client sees it. A failure begins alike.

use tokio_postgres::Row;
use weir_model::{Micros, listing::Kind};
use weir_store::event_id::EventId;

use crate::{
    json::{JsonText, column_json, value_json},
    list::{Cell, RowEncoder, Value},
    streams::Known,
};

/// What decides the order of events and of failures: event time, arrival, stream, partition, offset.
pub(crate) const KEY: [Kind; 5] = [Kind::Instant, Kind::Instant, Kind::Int4, Kind::Int4, Kind::Int8];

/// `-infinity`, which stands for no event time: those come last.
const NO_TIME: Micros = Micros(i64::MIN);

/// The key of a row whose first columns are those of [`coordinates`].
pub(crate) fn key(row: &Row) -> Result<Vec<Value>, tokio_postgres::Error> {
    Ok(vec![
        Value::Instant(row.try_get::<_, Option<_>>(4)?.unwrap_or(NO_TIME)),
        Value::Instant(row.try_get(8)?),
        Value::Int4(row.try_get(0)?),
        Value::Int4(row.try_get(1)?),
        Value::Int8(row.try_get(2)?),
    ])
}

/// The members that events and failures have in common.
pub(crate) const COORDINATES: [&str; 10] =
    ["id", "topic", "partition", "offset", "group_id", "entity_id", "event_time", "event_type", "event_version", "checksum"];

/// Reads them from the first columns: stream, partition, offset, entity, time, type, version, checksum.
pub(crate) fn coordinates<'r>(streams: &'r Known, row: &'r Row, cells: &mut Vec<Cell<'r>>) -> Result<(), tokio_postgres::Error> {
    let (id, partition, offset): (i32, i32, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    // Looked up after the rows were read, so every one is there.
    let (topic, group_id, later) = streams.get(&id).map_or(("", "", Some(id)), |s| (&s.topic, &s.group_id, s.later));
    let checksum: &[u8] = row.try_get(7)?;
    cells.push(Cell::Owned(EventId { topic: topic.to_owned(), partition, offset, stream: later }.to_string()));
    cells.push(topic.into());
    cells.push(Cell::Int(partition.into()));
    cells.push(Cell::Int(offset));
    cells.push(group_id.into());
    cells.push(row.try_get::<_, Option<&str>>(3)?.into());
    cells.push(row.try_get::<_, Option<Micros>>(4)?.into());
    cells.push(row.try_get::<_, Option<&str>>(5)?.into());
    cells.push(row.try_get::<_, Option<&str>>(6)?.into());
    cells.push(Cell::Owned(hex(checksum)));
    Ok(())
}

fn hex(checksum: &[u8]) -> String {
    checksum.try_into().map_or_else(|_| String::new(), |bytes| format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// Events. `outcome` and `reason` are there for skipped ones only.
pub(crate) struct Events(pub(crate) Known);

impl RowEncoder for Events {
    fn names(&self) -> Vec<&'static str> {
        [COORDINATES.as_slice(), &["payload", "created_at", "outcome", "reason"]].concat()
    }

    fn cells<'r>(&'r self, row: &'r Row, cells: &mut Vec<Cell<'r>>) -> Result<(), tokio_postgres::Error> {
        coordinates(&self.0, row, cells)?;
        // JSON that the column refuses lies in `raw`; a client sees both alike.
        let payload = column_json(row.try_get::<_, Option<JsonText<'_>>>(11)?.map(|json| json.0));
        cells.push(payload.or(value_json(row.try_get(12)?)).into());
        cells.push(Cell::Instant(row.try_get(8)?));
        let skipped = Some(row.try_get::<_, &str>(9)?).filter(|outcome| *outcome != "event");
        cells.push(skipped.map_or(Cell::Absent, Cell::from));
        cells.push(row.try_get::<_, Option<&str>>(10)?.map_or(Cell::Absent, Cell::from));
        Ok(())
    }
}
