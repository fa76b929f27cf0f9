//! What the database says of the partitions that a poller reads.

use async_trait::async_trait;
use weir_kafka::TopicPartition;
use weir_store::positions::{Assigned, StoredPosition};

use super::InvokeError;

/// Knows how far each partition is stored. The poller asks it at each assignment, before it reads a
/// record: it begins where the database ends, wherever the group's committed offset stands.
#[async_trait]
pub trait StoredPositions: Send + Sync + 'static {
    /// Notes where streams begin that are read for the first time, and gives for each partition, in
    /// the order given, how far it is stored. After `Err` the poller waits and asks again; it never
    /// guesses.
    async fn assign(&self, partitions: Vec<Assigned>) -> Result<Vec<StoredPosition>, InvokeError>;

    /// How far each of them is stored now, in the order given; none where nothing is. Asked now and
    /// then while nothing is to be read.
    async fn next_offsets(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> Result<Vec<Option<i64>>, InvokeError>;

    /// Compares partitions, each with the offset behind its last record, with what the broker has
    /// under their names. Gives for each, in the order given, why it must not be read on, if there
    /// is a reason. It is asked behind [`assign`](Self::assign).
    async fn contradictions(
        &self,
        partitions: Vec<(TopicPartition, i64)>,
    ) -> Result<Vec<Option<String>>, InvokeError> {
        Ok(partitions.iter().map(|_| None).collect())
    }
}
