//! A topic was recreated and its offsets began again: begin a new epoch, so that they are new
//! records.

use tokio_postgres::types::Type;

use crate::{Store, StoreError, Tx, tx::TypedParam};

/// What a topic is to a consumer group now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentStream {
    /// The stream's short id.
    pub stream: i32,
    /// How often the topic was made anew.
    pub epoch: i32,
    /// Partitions that are known.
    pub partitions: i64,
    /// Offsets below `next_offset` in all of them.
    pub offsets: i64,
}

/// The current stream of a topic for a consumer group; none when the group never stored a record of
/// the topic.
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

/// Begins a new epoch of a topic for a consumer group; returns the new stream's short id, or none
/// when the group never stored a record of the topic. Waits for open batches of the topic.
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

/// Locks every partition of a stream, sorted, as ingest does. Everything that changes what is
/// stored of a partition goes through this.
pub(crate) async fn lock_stream(tx: &Tx, stream: i32) -> Result<(), StoreError> {
    tx.query(include_str!("sql/lock_stream.sql"), &[(&stream, Type::INT4)]).await?;
    Ok(())
}
