//! How long Kafka may need.

use std::time::Duration;

use tokio::time::Instant;

/// A little longer than a record's own time, which tells more.
const LIMIT: Duration = Duration::from_secs(35);

/// How long Kafka may need for one record, and for all that is sent.
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
    /// So long for each record: what comes in is of any length.
    pub(crate) fn each(limit: Duration) -> Self {
        Self { each: limit, until: None }
    }

    /// So long for all records, from now on.
    pub(crate) fn in_all(limit: Duration) -> Self {
        Self { each: limit, until: Some(Instant::now() + limit) }
    }

    /// When a wait that begins now is over.
    pub(super) fn deadline(&self) -> Instant {
        let each = Instant::now() + self.each;
        self.until.map_or(each, |until| until.min(each))
    }
}
