//! Packs narrow rows of a closed hour.

use tokio_postgres::types::Type;
use weir_model::Micros;

use crate::{Connection, StoreError, Tx, tx::TypedParam};

/// The narrow rows that one transaction looks at.
const PART: i32 = 1_000;

/// The narrow rows of a partition in an hour: those behind the offset `after`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub stream: i32,
    pub partition: i32,
    pub after: i64,
}

/// What one transaction did.
pub(crate) struct Part {
    pub records: u64,
    /// The offset after which the next part begins; `None` after the last part.
    pub next_after: Option<i64>,
}

/// Returns the next closed hour that is not packed.
pub(crate) async fn next_hour(connection: &Connection) -> Result<Option<Micros>, StoreError> {
    let rows =
        connection.client().query_typed(include_str!("sql/next_hour_to_pack.sql"), &[]).await?;
    Ok(rows.first().map(|row| row.try_get("hour")).transpose()?)
}

/// Returns the partitions with narrow rows in an hour that can be packed.
pub(crate) async fn places(
    connection: &Connection,
    hour: Micros,
) -> Result<Vec<Place>, StoreError> {
    let rows = connection
        .client()
        .query_typed(include_str!("sql/places_to_pack.sql"), &[(&hour, Type::TIMESTAMPTZ)])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Place {
                stream: row.try_get("stream")?,
                partition: row.try_get("partition")?,
                after: row.try_get("after")?,
            })
        })
        .collect()
}

/// Locks the partition, unless a batch holds the lock. Returns whether it is locked.
pub(crate) async fn lock(tx: &Tx, place: Place) -> Result<bool, StoreError> {
    let params: [TypedParam<'_>; 2] = [(&place.stream, Type::INT4), (&place.partition, Type::INT4)];
    let rows = tx.query(include_str!("sql/lock_to_pack.sql"), &params).await?;
    Ok(!rows.is_empty())
}

/// Packs the next part of a partition and an hour.
pub(crate) async fn part(tx: &Tx, place: Place, hour: Micros) -> Result<Part, StoreError> {
    let params: [TypedParam<'_>; 5] = [
        (&place.stream, Type::INT4),
        (&place.partition, Type::INT4),
        (&hour, Type::TIMESTAMPTZ),
        (&place.after, Type::INT8),
        (&PART, Type::INT4),
    ];
    let rows = tx.query(include_str!("sql/pack_part.sql"), &params).await?;
    let Some(row) = rows.first() else { return Ok(Part { records: 0, next_after: None }) };
    let looked_at: i64 = row.try_get("looked_at")?;
    let last: Option<i64> = row.try_get("last_offset")?;
    Ok(Part {
        records: u64::try_from(row.try_get::<_, i64>("records_packed")?).unwrap_or_default(),
        next_after: last.filter(|_| looked_at >= i64::from(PART)),
    })
}

/// Stores that an hour is packed.
pub(crate) async fn finish_hour(connection: &Connection, hour: Micros) -> Result<(), StoreError> {
    connection
        .client()
        .execute_typed(include_str!("sql/finish_packed_hour.sql"), &[(&hour, Type::TIMESTAMPTZ)])
        .await?;
    Ok(())
}
