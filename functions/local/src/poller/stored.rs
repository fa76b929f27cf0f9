//! The database's positions of the partitions that a poller reads.

use async_trait::async_trait;
use weir_kafka::TopicPartition;
use weir_store::positions::{Assigned, StoredPosition};

use super::InvokeError;

/// Returns the stored position of each partition. The poller asks at each assignment, before it
/// reads a record. It starts at the database's position, not at the group's committed offset.
#[async_trait]
pub trait StoredPositions: Send + Sync + 'static {
    /// Notes the start of streams that are read for the first time. Returns the stored position of
    /// each partition, in the given order.
    ///
    /// After `Err` the poller waits and asks again. It never guesses.
    async fn assign(&self, partitions: Vec<Assigned>) -> Result<Vec<StoredPosition>, InvokeError>;

    /// Returns the current next offset of each partition, in the given order, or `None` if nothing
    /// is stored. The poller calls it from time to time while no records come.
    async fn next_offsets(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> Result<Vec<Option<i64>>, InvokeError>;

    /// Compares partitions with the broker's log. Each partition comes with the offset after its
    /// last record.
    ///
    /// Returns for each partition, in the given order, the reason why it must not be read on, if
    /// there is one. The poller calls it after [`assign`](Self::assign).
    async fn contradictions(
        &self,
        partitions: Vec<(TopicPartition, i64)>,
    ) -> Result<Vec<Option<String>>, InvokeError> {
        Ok(partitions.iter().map(|_| None).collect())
    }
}
