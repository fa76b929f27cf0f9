//! Where reading goes on: the database says it, and the consumer group's committed offset only
//! where it is lower.
//!
//! A group's offset outlives what it stands for: a database that lost its last commits, or was put
//! back, wants them again.

use tokio_postgres::types::Type;

use crate::{
    StoreError, Tx, Writer,
    write::{Columns, Place},
};

/// A partition that somebody is about to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// The first offset that the broker still has.
    pub low: i64,
    /// Where reading begins when nothing of the partition is stored.
    pub begin: i64,
}

/// How far a partition is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoredPosition {
    /// Every offset below it is settled or in a gap.
    pub next_offset: i64,
    /// Where the stream begins.
    pub begin_offset: i64,
    /// The first gap that the broker can still fill.
    pub first_gap: Option<i64>,
}

impl StoredPosition {
    /// The first offset that the database lacks.
    pub fn wanted(&self) -> i64 {
        self.first_gap.unwrap_or(self.next_offset).max(self.begin_offset)
    }
}

/// Notes where streams begin that are read for the first time, and gives for each partition how far
/// it is stored, in the order given.
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

/// How far each partition is stored, in the order given; none where nothing is.
pub async fn next_offsets(
    writer: &Writer,
    partitions: &[Place<'_>],
) -> Result<Vec<Option<i64>>, StoreError> {
    let columns = &Columns::new(writer, partitions);
    // No gap counts: which of them the broker can still fill is not asked here.
    let lows = &vec![i64::MAX; partitions.len()];
    let known = writer
        .store()
        .transaction("next_offsets", |tx| async move { read(&tx, columns, lows).await })
        .await?;
    Ok(known.into_iter().map(|position| Some(position?.0.wanted())).collect())
}

/// Each position, and whether its begin is noted; none where nothing is stored.
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
