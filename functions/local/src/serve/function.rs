//! The ingest function, called in this process with the same event JSON that Lambda gives it.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use metrics::{counter, histogram};
use weir_ingest::Handler;
use weir_store::Report;

use crate::poller::{Invoke, InvokeError};

pub(super) struct IngestFunction(pub Handler);

#[async_trait]
impl Invoke for IngestFunction {
    async fn invoke(&self, event: Bytes, time_left: Duration) -> Result<(), InvokeError> {
        let begun = Instant::now();
        let handled = self.0.handle(&event, time_left).await;
        histogram!("weir_batch_seconds").record(begun.elapsed());
        counter!("weir_batches_total", "result" => if handled.is_ok() { "ok" } else { "failed" }).increment(1);
        for (name, count) in handled.as_ref().map(Report::counts).into_iter().flatten() {
            counter!("weir_records_total", "outcome" => name).increment(u64::try_from(count).unwrap_or(u64::MAX));
        }
        handled.map(drop).map_err(|error| if error.is_outage() { InvokeError::outage(error) } else { InvokeError::new(error) })
    }
}
