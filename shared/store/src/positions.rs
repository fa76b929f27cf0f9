//! The offsets at which reading continues. The database determines them; a committed offset of the
//! consumer group counts only if it is lower.
//!
//! A committed offset may be above the stored records: a database that lost its last commits, or
//! was restored, needs the records again.

use tokio_postgres::types::Type;

use crate::{
    StoreError, Tx, Writer,
    write::{Columns, Place},
};

/// A partition that a worker is about to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    /// The name of the topic.
    pub topic: String,
    /// The number of the partition.
    pub partition: i32,
    /// The first offset that the broker still has.
    pub low: i64,
    /// The offset at which reading begins when no record of the partition is stored.
    pub begin: i64,
}

/// The stored position of a partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoredPosition {
    /// Every offset below it is settled or in a gap.
    pub next_offset: i64,
    /// The first offset of the stream.
    pub begin_offset: i64,
    /// The first gap that the broker can still fill.
    pub first_gap: Option<i64>,
}

impl StoredPosition {
    /// Returns the first offset that the database lacks.
    pub fn wanted(&self) -> i64 {
        self.first_gap.unwrap_or(self.next_offset).max(self.begin_offset)
    }
}

/// Stores the begin of streams that are read for the first time. Returns the stored position of
/// each partition, in the given order.
pub async fn assign(
    writer: &Writer,
    partitions: &[Assigned],
) -> Result<Vec<StoredPosition>, StoreError> {
    let places: Vec<Place<'_>> =
        partitions.iter().map(|p| (p.topic.as_str(), p.partition)).collect();
    let columns = &Columns::new(writer, &places);
    let (lows, begins): (Vec<i64>, Vec<i64>) = partitions.iter().map(|p| (p.low, p.begin)).unzip();
    let (lows, begins) = (&lows, &begins);
    writer
        .store()
        .transaction("assign", |tx| async move {
            let known = read(&tx, columns, lows).await?;
            if known.iter().all(|position| position.is_some_and(|(_, begins)| begins)) {
                return Ok(known.into_iter().flatten().map(|(position, _)| position).collect());
            }
            note_begins(&tx, columns, begins).await?;
            let known = read(&tx, columns, lows).await?;
            known
                .into_iter()
                .map(|position| Ok(position.ok_or(StoreError::StreamChanged)?.0))
                .collect()
        })
        .await
}

/// Returns the first offset that the database lacks for each partition, in the given order; `None`
/// for unknown partitions.
pub async fn next_offsets(
    writer: &Writer,
    partitions: &[Place<'_>],
) -> Result<Vec<Option<i64>>, StoreError> {
    let columns = &Columns::new(writer, partitions);
    // With these low watermarks no gap counts, because the broker's low watermarks are not known
    // here.
    let lows = &vec![i64::MAX; partitions.len()];
    let known = writer
        .store()
        .transaction("next_offsets", |tx| async move { read(&tx, columns, lows).await })
        .await?;
    Ok(known.into_iter().map(|position| Some(position?.0.wanted())).collect())
}

/// Returns each position and whether its begin is stored; `None` for unknown partitions.
async fn read(
    tx: &Tx,
    columns: &Columns<'_>,
    lows: &Vec<i64>,
) -> Result<Vec<Option<(StoredPosition, bool)>>, StoreError> {
    let mut params = columns.params().to_vec();
    params.push((lows, Type::INT8_ARRAY));
    let mut found = vec![None; columns.topics.len()];
    for row in &tx.query(include_str!("sql/read_positions.sql"), &params).await? {
        let n = usize::try_from(row.try_get::<_, i64>("n")?).unwrap_or_default();
        let begin: Option<i64> = row.try_get("begin_offset")?;
        let position = StoredPosition {
            next_offset: row.try_get("next_offset")?,
            begin_offset: begin.unwrap_or_default(),
            first_gap: row.try_get("first_gap")?,
        };
        if let Some(place) = found.get_mut(n.wrapping_sub(1)) {
            *place = Some((position, begin.is_some()));
        }
    }
    Ok(found)
}

async fn note_begins(tx: &Tx, columns: &Columns<'_>, begins: &Vec<i64>) -> Result<(), StoreError> {
    let mut params = columns.params().to_vec();
    params.push((begins, Type::INT8_ARRAY));
    tx.execute(include_str!("sql/register_streams.sql"), &params[..2]).await?;
    tx.execute(include_str!("sql/note_begins.sql"), &params).await?;
    Ok(())
}
