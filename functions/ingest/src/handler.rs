//! The pipeline, a line a step.

use std::time::Duration;

use tracing::{Instrument, info_span};
use weir_model::{BatchError, KafkaBatch};
use weir_store::{ReadRange, Report, StoreError, Writer};

/// Time that is kept back from an invocation's own limit: at the limit Lambda kills the process,
/// and what a killed process leaves the database has to find out for itself. Given up before, the
/// connection is closed, and the server rolls back at once.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// Why a batch was not stored. Kafka keeps it and gives it again.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The event is not a Kafka event.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The database did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IngestError {
    /// Whether it hits every topic alike, as a database that is away does.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_outage())
    }
}

/// Handles invocations; they may run at the same time.
#[derive(Clone)]
pub struct Handler {
    writer: Writer,
}

impl Handler {
    /// A handler that writes with `writer`.
    pub fn new(writer: Writer) -> Self {
        Self { writer }
    }

    /// The writer.
    pub fn writer(&self) -> &Writer {
        &self.writer
    }

    /// One invocation: the event JSON of a Kafka event source mapping, and the time that is left
    /// for it. When it answers with a report, everything in the event is stored; with an error,
    /// nothing is promised and the event comes again.
    pub async fn handle(&self, event: &[u8], time_left: Duration) -> Result<Report, IngestError> {
        self.handle_read(event, &[], time_left).await
    }

    /// The same for a reader that knows its position: what it has read, the records in the event
    /// and the holes between them.
    pub async fn handle_read(
        &self,
        event: &[u8],
        read: &[ReadRange],
        time_left: Duration,
    ) -> Result<Report, IngestError> {
        let batch = KafkaBatch::parse(event)?;
        let write = self.writer.write_read(&batch, read, time_left.saturating_sub(ANSWER_TIME));
        let report = write.instrument(info_span!("write")).await?;
        tracing::info!(
            source = batch.source(),
            group = report.group_id,
            around_consume = report.around_consume,
            event_acknowledged = report.event_acknowledged,
            event_skipped = report.event_skipped,
            event_already_consumed = report.event_already_consumed,
            event_failed = report.event_failed,
            event_stale = report.event_stale,
            retries = report.retries,
            gaps = report.gaps.len(),
            "batch stored"
        );
        Ok(report)
    }
}
