//! Calls the ingest function in this process, with the event JSON that Lambda sends.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use metrics::{counter, histogram};
use weir_ingest::Handler;
use weir_kafka::TopicPartition;
use weir_store::{
    OpenedGap, ReadRange, Report,
    positions::{self, Assigned, StoredPosition},
};

use crate::{
    identity::IdentityCheck,
    poller::{Invoke, InvokeError, StoredPositions},
};

pub(crate) struct IngestFunction {
    pub handler: Handler,
    /// Compares the stored records with the broker before a partition is read on.
    pub identity: IdentityCheck,
}

#[async_trait]
impl Invoke for IngestFunction {
    async fn invoke(
        &self,
        event: Bytes,
        read: &[ReadRange],
        time_left: Duration,
    ) -> Result<Vec<OpenedGap>, InvokeError> {
        let begun = Instant::now();
        let handled = self.handler.handle_read(&event, read, time_left).await;
        histogram!("weir_batch_seconds").record(begun.elapsed());
        counter!("weir_batches_total", "result" => if handled.is_ok() { "ok" } else { "failed" })
            .increment(1);
        for (name, count) in handled.as_ref().map(Report::counts).into_iter().flatten() {
            counter!("weir_records_total", "outcome" => name)
                .increment(u64::try_from(count).unwrap_or(u64::MAX));
        }
        let gaps = handled
            .map_err(|error| {
                if error.is_outage() { InvokeError::outage(error) } else { InvokeError::new(error) }
            })?
            .gaps;
        counter!("weir_gaps_total").increment(u64::try_from(gaps.len()).unwrap_or(u64::MAX));
        Ok(gaps)
    }
}

#[async_trait]
impl StoredPositions for IngestFunction {
    async fn assign(&self, partitions: Vec<Assigned>) -> Result<Vec<StoredPosition>, InvokeError> {
        positions::assign(self.handler.writer(), &partitions).await.map_err(InvokeError::new)
    }

    async fn contradictions(
        &self,
        partitions: Vec<(TopicPartition, i64)>,
    ) -> Result<Vec<Option<String>>, InvokeError> {
        self.identity.contradictions(&partitions).await.map_err(InvokeError::new)
    }

    async fn next_offsets(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> Result<Vec<Option<i64>>, InvokeError> {
        let places: Vec<(&str, i32)> =
            partitions.iter().map(|at| (&*at.topic, at.partition)).collect();
        positions::next_offsets(self.handler.writer(), &places).await.map_err(InvokeError::new)
    }
}
