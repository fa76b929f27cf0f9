//! Begins a new epoch of a recreated topic, whose offsets began again, so that its records are new.

use tokio_postgres::types::Type;

use crate::{Store, StoreError, Tx, tx::TypedParam};

/// The current stream of a topic for a consumer group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentStream {
    /// The stream's short id.
    pub stream: i32,
    /// The number of times that the topic was recreated.
    pub epoch: i32,
    /// The number of known partitions.
    pub partitions: i64,
    /// The sum of `next_offset` of all partitions.
    pub offsets: i64,
}

/// Returns the current stream of a topic for a consumer group; `None` when the group never stored a
/// record of the topic.
pub async fn current(
    store: &Store,
    group_id: &str,
    topic: &str,
) -> Result<Option<CurrentStream>, StoreError> {
    let connection = store.connect().await?;
    let params: [TypedParam<'_>; 2] = [(&group_id, Type::TEXT), (&topic, Type::TEXT)];
    let rows =
        connection.client().query_typed(include_str!("sql/describe_stream.sql"), &params).await?;
    let stream = rows.first().map(|row| {
        Ok::<_, StoreError>(CurrentStream {
            stream: row.try_get("stream")?,
            epoch: row.try_get("epoch")?,
            partitions: row.try_get("partitions")?,
            offsets: row.try_get("offsets")?,
        })
    });
    stream.transpose()
}

/// Begins a new epoch of a topic for a consumer group. Waits for open batches of the topic.
///
/// Returns the new stream's short id; `None` when the group never stored a record of the topic.
pub async fn begin_epoch(
    store: &Store,
    group_id: &str,
    topic: &str,
) -> Result<Option<i32>, StoreError> {
    store
        .transaction("begin_epoch", |tx| async move {
            let params: [TypedParam<'_>; 2] = [(&group_id, Type::TEXT), (&topic, Type::TEXT)];
            tx.query(include_str!("sql/lock_current_stream.sql"), &params).await?;
            let rows = tx.query(include_str!("sql/begin_epoch.sql"), &params).await?;
            Ok(rows.first().map(|row| row.try_get("id")).transpose()?)
        })
        .await
}

/// Locks every partition of a stream, in the same order as ingest. Every change of a whole stream's
/// rows uses this lock.
pub(crate) async fn lock_stream(tx: &Tx, stream: i32) -> Result<(), StoreError> {
    tx.query(include_str!("sql/lock_stream.sql"), &[(&stream, Type::INT4)]).await?;
    Ok(())
}
