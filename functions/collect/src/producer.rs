//! Who writes to Kafka, as the rest of this crate sees it.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Message, Receipt};

/// Why a record was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// As much is on its way as may be: wait for [`Producer::room`].
    #[error("the queue is full")]
    Full,
    /// It is larger than Kafka takes.
    #[error("the record is larger than Kafka takes")]
    TooLarge,
    /// It cannot be sent.
    #[error("{0}")]
    Failed(String),
}

/// Writes records to Kafka, each acknowledged by all replicas and none doubled by a try that is repeated.
#[async_trait]
pub trait Producer: Send + Sync + 'static {
    /// Takes a record, whose bytes it copies, and never waits. What becomes of it the receipt is told, within half a minute.
    fn send(&self, message: &Message<'_>, receipt: &Arc<Receipt>) -> Result<(), Refused>;

    /// Returns when there may be room for a record with so many bytes of key and value.
    async fn room(&self, bytes: usize);
}
