//! The results of the records of one request.

use std::sync::{
    OnceLock,
    atomic::{AtomicI32, AtomicI64, AtomicU64, Ordering::SeqCst},
};

use tokio::sync::Notify;

/// Counts the delivery reports of the records that were sent with it.
///
/// A producer adds each record before it queues the record, and settles each record exactly once.
#[derive(Debug, Default)]
pub struct Receipt {
    pending: AtomicU64,
    acknowledged: AtomicU64,
    too_large: AtomicU64,
    fault: OnceLock<String>,
    partition: AtomicI32,
    offset: AtomicI64,
    changed: Notify,
}

/// The delivery report of one record.
#[derive(Debug)]
pub enum Settled {
    /// All replicas have stored the record, at these coordinates.
    Acknowledged {
        /// The partition's number.
        partition: i32,
        /// The record's offset.
        offset: i64,
    },
    /// The record is larger than Kafka's limit, so a retry does not help.
    TooLarge,
    /// The delivery failed, and the record may or may not be in Kafka.
    Failed(String),
}

impl Receipt {
    /// Counts a record as in flight.
    pub fn add(&self) {
        self.pending.fetch_add(1, SeqCst);
    }

    /// Removes an added record that was not sent.
    pub fn take_back(&self) {
        self.settle_one();
    }

    /// Counts the result of an added record.
    pub fn settle(&self, settled: Settled) {
        match settled {
            Settled::Acknowledged { partition, offset } => {
                self.partition.store(partition, SeqCst);
                self.offset.store(offset, SeqCst);
                self.acknowledged.fetch_add(1, SeqCst);
            }
            Settled::TooLarge => {
                self.too_large.fetch_add(1, SeqCst);
            }
            Settled::Failed(reason) => {
                let _ = self.fault.set(reason);
            }
        }
        self.settle_one();
    }

    fn settle_one(&self) {
        if self.pending.fetch_sub(1, SeqCst) == 1 {
            self.changed.notify_waiters();
        }
    }

    /// Waits until no record is in flight. A producer settles every record within half a minute.
    pub async fn settled(&self) {
        loop {
            // Registered before the check, so that a change in between wakes this task.
            let changed = self.changed.notified();
            if self.pending.load(SeqCst) == 0 {
                return;
            }
            changed.await;
        }
    }

    /// Returns the number of acknowledged records.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(SeqCst)
    }

    /// Returns the number of records that are larger than Kafka's limit.
    pub fn too_large(&self) -> u64 {
        self.too_large.load(SeqCst)
    }

    /// Returns the error of the first failed record.
    pub fn fault(&self) -> Option<&str> {
        self.fault.get().map(String::as_str)
    }

    /// Returns the partition and the offset of the last acknowledged record.
    pub fn place(&self) -> (i32, i64) {
        (self.partition.load(SeqCst), self.offset.load(SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn it_waits_for_the_last_one() {
        let receipt = Arc::new(Receipt::default());
        for _ in 0..3 {
            receipt.add();
        }
        let waiting = tokio::spawn({
            let receipt = Arc::clone(&receipt);
            async move { receipt.settled().await }
        });
        receipt.settle(Settled::Acknowledged { partition: 3, offset: 7 });
        receipt.settle(Settled::Failed("gone".into()));
        receipt.settle(Settled::Failed("gone too".into()));
        waiting.await.unwrap();
        assert_eq!(
            (receipt.acknowledged(), receipt.fault(), receipt.place()),
            (1, Some("gone"), (3, 7))
        );
    }
}
