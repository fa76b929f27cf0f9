//! Time limits for Kafka.

use std::time::Duration;

use tokio::time::Instant;

/// A little longer than the timeout of a record in librdkafka, whose error tells more.
const LIMIT: Duration = Duration::from_secs(35);

/// The time limits for one record, and for all records.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KafkaWait {
    each: Duration,
    until: Option<Instant>,
}

impl Default for KafkaWait {
    fn default() -> Self {
        Self::each(LIMIT)
    }
}

impl KafkaWait {
    /// Allows this time for each record. It is for bodies of any length.
    pub(crate) fn each(limit: Duration) -> Self {
        Self { each: limit, until: None }
    }

    /// Allows this time for all records together, from now on.
    pub(crate) fn in_all(limit: Duration) -> Self {
        Self { each: limit, until: Some(Instant::now() + limit) }
    }

    /// Returns the deadline of a wait that begins now.
    pub(super) fn deadline(&self) -> Instant {
        let each = Instant::now() + self.each;
        self.until.map_or(each, |until| until.min(each))
    }
}
