//! Makes the rows of partitions that were never seen before.

use tokio_postgres::{Client, types::Type};

use super::partition_work::PartitionWork;
use crate::{StoreError, tx::TypedParam};

/// In a transaction apart from the batch's, so that no other batch waits for it.
pub(super) async fn register_partitions(client: &Client, group_id: &str, work: &[PartitionWork<'_>]) -> Result<(), StoreError> {
    let topics: Vec<&str> = work.iter().map(|w| w.topic).collect();
    let partitions: Vec<i32> = work.iter().map(|w| w.partition).collect();
    let params: [TypedParam<'_>; 3] = [(&group_id, Type::TEXT), (&topics, Type::TEXT_ARRAY), (&partitions, Type::INT4_ARRAY)];
    client.batch_execute("BEGIN").await?;
    client.execute_typed(include_str!("../sql/register_streams.sql"), &params[..2]).await?;
    client.execute_typed(include_str!("../sql/register_partitions.sql"), &params).await?;
    client.batch_execute("COMMIT").await?;
    Ok(())
}
