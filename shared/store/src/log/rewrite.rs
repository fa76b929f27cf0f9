//! Changes what a model derived from stored records. The record itself never changes.

use tokio_postgres::types::Type;
use weir_model::{Event, Micros};

use crate::{
    RecordCoordinates, StoreError, Tx,
    tx::{TypedParam, column},
};

/// Makes narrow rows of the packed row of a record, because only narrow rows change.
const UNPACK: &str = "-- unpack_events\nSELECT unpack_events($1, $2, $3)";

/// Turns a skip into an event. Returns whether it was still a skip.
///
/// The caller has locked the partition, and read the skip before.
pub(crate) async fn promote(
    tx: &Tx,
    place: RecordCoordinates,
    event: &Event<'_>,
) -> Result<bool, StoreError> {
    let [stream, partition, offset] = place.params();
    let params: [TypedParam<'_>; 8] = [
        stream,
        partition,
        offset,
        (&event.entity_id.as_deref(), Type::TEXT),
        (&event.event_time, Type::TIMESTAMPTZ),
        (&event.event_type.as_deref(), Type::TEXT),
        (&event.event_version.as_deref(), Type::TEXT),
        (&event.problems.as_deref(), Type::TEXT),
    ];
    tx.query(UNPACK, &params[..3]).await?;
    let rows = tx.query(include_str!("sql/promote_event.sql"), &params).await?;
    Ok(rows.first().map(|row| row.try_get::<_, i64>("promoted")).transpose()? == Some(1))
}

/// The new findings about an event.
pub(crate) struct NewProblems<'p> {
    pub place: RecordCoordinates,
    pub arrived_at: Micros,
    pub problems: Option<&'p str>,
}

/// Replaces the findings about events.
pub(crate) async fn rewrite_problems(tx: &Tx, all: &[NewProblems<'_>]) -> Result<(), StoreError> {
    if all.is_empty() {
        return Ok(());
    }
    let params: [TypedParam<'_>; 5] = [
        (&column(all, |new| new.place.stream), Type::INT4_ARRAY),
        (&column(all, |new| new.place.partition), Type::INT4_ARRAY),
        (&column(all, |new| new.place.offset), Type::INT8_ARRAY),
        (&column(all, |new| new.arrived_at), Type::TIMESTAMPTZ_ARRAY),
        (&column(all, |new| new.problems), Type::TEXT_ARRAY),
    ];
    tx.query(include_str!("sql/unpack_all.sql"), &params[..3]).await?;
    tx.execute(include_str!("sql/rewrite_problems.sql"), &params).await?;
    Ok(())
}
