//! Data to compare the stored records of a partition with the broker's log: topic ids, leader
//! epochs, checksums, and contradictions.

use std::ops::RangeInclusive;

use tokio_postgres::types::Type;

use crate::{StoreError, Tx, Writer, log, tx::TypedParam, write::Columns};

pub use crate::write::{Contradiction, Place, note};

/// The stored identity of a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredIdentity {
    /// The topic's id at the first read.
    pub topic_id: Option<String>,
    /// The leader epoch at the last start of reading.
    pub leader_epoch: Option<i32>,
    /// Every offset below it is settled or in a gap.
    pub next_offset: i64,
    /// The text of a stored contradiction, in one line.
    pub contradiction: Option<String>,
}

/// Returns the stored identity of each place, in the given order; the default for unknown places.
pub async fn read(
    writer: &Writer,
    places: &[Place<'_>],
) -> Result<Vec<StoredIdentity>, StoreError> {
    let columns = &Columns::new(writer, places);
    writer
        .store()
        .transaction("read_identities", |tx| async move {
            let mut found = vec![StoredIdentity::default(); columns.topics.len()];
            for row in &tx.query(include_str!("sql/read_identities.sql"), &columns.params()).await?
            {
                let n = usize::try_from(row.try_get::<_, i64>("n")?).unwrap_or_default();
                let Some(place) = found.get_mut(n.wrapping_sub(1)) else { continue };
                let what: Option<String> = row.try_get("what")?;
                let (first, end): (Option<i64>, Option<i64>) =
                    (row.try_get("first_offset")?, row.try_get("end_offset")?);
                *place = StoredIdentity {
                    topic_id: row.try_get("topic_id")?,
                    leader_epoch: row.try_get("leader_epoch")?,
                    next_offset: row.try_get("next_offset")?,
                    contradiction: what.map(|what| {
                        let (topic, partition) =
                            (columns.topics[n - 1].to_owned(), columns.partitions[n - 1]);
                        Contradiction {
                            topic,
                            partition,
                            first: first.unwrap_or_default(),
                            end: end.unwrap_or_default(),
                            what,
                        }
                        .line()
                    }),
                };
            }
            Ok(found)
        })
        .await
}

/// What the database knows of the content of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredContent {
    /// The checksum of the record.
    Checksum(u128),
    /// The lowest and the highest timestamp of the records that retention dropped with the record,
    /// in milliseconds since 1970.
    Timestamps(RangeInclusive<i64>),
}

impl StoredContent {
    /// Returns whether a record with this checksum and this timestamp may be the stored one.
    pub fn may_be(&self, checksum: u128, timestamp_ms: i64) -> bool {
        match self {
            Self::Checksum(stored) => *stored == checksum,
            Self::Timestamps(stored) => stored.contains(&timestamp_ms),
        }
    }
}

/// Returns offset and content of a record near an offset, which is stored or was dropped by
/// retention.
///
/// With `upwards`, this is the first known record at or above the offset, otherwise the last one at
/// or below it.
pub async fn stored_record(
    writer: &Writer,
    (topic, partition): Place<'_>,
    from: i64,
    upwards: bool,
) -> Result<Option<(i64, StoredContent)>, StoreError> {
    let group = &writer.group_of(topic);
    writer
        .store()
        .transaction("stored_record", |tx| async move {
            let params: [TypedParam<'_>; 5] = [
                (group, Type::TEXT),
                (&topic, Type::TEXT),
                (&partition, Type::INT4),
                (&from, Type::INT8),
                (&upwards, Type::BOOL),
            ];
            let rows = tx.query(log::NEAREST, &params).await?;
            let Some(row) = rows.first() else { return Ok(None) };
            let content = match row.try_get::<_, Option<&[u8]>>("checksum")? {
                Some(checksum) => StoredContent::Checksum(log::checksum_of(checksum)),
                None => StoredContent::Timestamps(
                    row.try_get("first_timestamp")?..=row.try_get("last_timestamp")?,
                ),
            };
            Ok(Some((row.try_get("offset")?, content)))
        })
        .await
}

/// Stores the ids of topics without a stored id, and the current leader epochs.
pub async fn remember(
    writer: &Writer,
    places: &[Place<'_>],
    ids: &[Option<String>],
    epochs: &[Option<i32>],
) -> Result<(), StoreError> {
    let columns = &Columns::new(writer, places);
    writer
        .store()
        .transaction("remember_identities", |tx: Tx| async move {
            let mut params = columns.params().to_vec();
            let ids: Vec<Option<&str>> = ids.iter().map(Option::as_deref).collect();
            params.push((&ids, Type::TEXT_ARRAY));
            tx.execute(include_str!("sql/remember_topic_ids.sql"), &params).await?;
            params.pop();
            params.push((&epochs, Type::INT4_ARRAY));
            tx.execute(include_str!("sql/remember_leader_epochs.sql"), &params).await?;
            Ok(())
        })
        .await
}
