//! Inserts the rows of unknown partitions.

use tokio_postgres::{Client, types::Type};

use super::partition_work::PartitionWork;
use crate::{StoreError, store::BEGIN, tx::TypedParam};

/// Runs in a separate transaction, so that no other batch waits for it. If no reader gets the begin
/// from the broker, a stream begins at its first batch.
pub(super) async fn register_partitions(
    client: &Client,
    group_id: &str,
    work: &[PartitionWork<'_>],
) -> Result<(), StoreError> {
    let groups: Vec<&str> = work.iter().map(|_| group_id).collect();
    let topics: Vec<&str> = work.iter().map(|w| w.topic).collect();
    let partitions: Vec<i32> = work.iter().map(|w| w.partition).collect();
    let begins: Vec<Option<i64>> =
        work.iter().map(|w| (!w.is_followed).then_some(w.read.start)).collect();
    let params: [TypedParam<'_>; 4] = [
        (&group_id, Type::TEXT),
        (&topics, Type::TEXT_ARRAY),
        (&partitions, Type::INT4_ARRAY),
        (&begins, Type::INT8_ARRAY),
    ];
    client.batch_execute(BEGIN).await?;
    let streams: [TypedParam<'_>; 2] = [(&groups, Type::TEXT_ARRAY), (&topics, Type::TEXT_ARRAY)];
    client.execute_typed(include_str!("../sql/register_streams.sql"), &streams).await?;
    client.execute_typed(include_str!("../sql/register_partitions.sql"), &params).await?;
    client.batch_execute("COMMIT").await?;
    Ok(())
}
