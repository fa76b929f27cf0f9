//! Handles one invocation: parses the event, writes the batch, logs its counts.

use std::time::Duration;

use tracing::{Instrument, info_span};
use weir_model::{BatchError, KafkaBatch};
use weir_store::{ReadRange, Report, StoreError, Writer};

/// Time before an invocation's own limit at which the handler stops. At the limit Lambda kills the
/// process, and the database has to notice by its own checks that the connection is dead. If the
/// handler stops earlier, it closes the connection and the server rolls back at once.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// The reason why a batch was not stored. Kafka keeps the batch and delivers it again.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The event is not a Kafka event.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The database did not store the batch.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IngestError {
    /// Returns whether the error affects every topic, for example when the database is away.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_outage())
    }
}

/// Handles invocations, also several at the same time.
#[derive(Clone)]
pub struct Handler {
    writer: Writer,
}

impl Handler {
    /// Returns a handler that writes with `writer`.
    pub fn new(writer: Writer) -> Self {
        Self { writer }
    }

    /// Returns the writer.
    pub fn writer(&self) -> &Writer {
        &self.writer
    }

    /// Handles one invocation. `event` is the event JSON of a Kafka event source mapping, and
    /// `time_left` the time until the invocation's limit.
    ///
    /// With a report, every record of the event is stored. With an error, records may or may not be
    /// stored, and Kafka delivers the event again.
    pub async fn handle(&self, event: &[u8], time_left: Duration) -> Result<Report, IngestError> {
        self.handle_read(event, &[], time_left).await
    }

    /// Like [`handle`](Self::handle), for a reader that knows its position. `read` holds the ranges
    /// that it has read: the records in the event and the holes between them.
    pub async fn handle_read(
        &self,
        event: &[u8],
        read: &[ReadRange],
        time_left: Duration,
    ) -> Result<Report, IngestError> {
        let batch = KafkaBatch::parse(event)?;
        let write = self.writer.write_read(&batch, read, time_left.saturating_sub(ANSWER_TIME));
        let mut report = write.instrument(info_span!("write")).await?;
        report.reached_ms = batch.reached_ms();
        tracing::info!(
            source = batch.source(),
            group = report.group_id,
            records = report.around_consume,
            stored = report.event_acknowledged,
            skipped = report.event_skipped,
            duplicate = report.event_already_consumed,
            failed = report.event_failed,
            outdated = report.event_stale,
            retries = report.retries,
            gaps = report.gaps.len(),
            "batch stored"
        );
        Ok(report)
    }
}
