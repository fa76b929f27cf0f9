//! The results of the records of one request.

use std::sync::{
    OnceLock,
    atomic::{AtomicI32, AtomicI64, AtomicU64, Ordering::SeqCst},
};

use tokio::sync::Notify;

/// Counts what Kafka says of the records that were sent with it. A producer adds each record before
/// it hands it over, and settles it once, whatever became of it.
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

/// What Kafka said of one record.
#[derive(Debug)]
pub enum Settled {
    /// All replicas have it, there.
    Acknowledged {
        /// The partition's number.
        partition: i32,
        /// The record's offset.
        offset: i64,
    },
    /// It is larger than Kafka takes: it will never be taken.
    TooLarge,
    /// It is not known to be there.
    Failed(String),
}

impl Receipt {
    /// One more record is in flight.
    pub fn add(&self) {
        self.pending.fetch_add(1, SeqCst);
    }

    /// A record that was added was not sent.
    pub fn take_back(&self) {
        self.settle_one();
    }

    /// A record that was added has arrived, or will not.
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

    /// Returns when no record is in flight. A producer settles every record within half a minute.
    pub async fn settled(&self) {
        loop {
            // Before the look: what changes in between wakes it.
            let changed = self.changed.notified();
            if self.pending.load(SeqCst) == 0 {
                return;
            }
            changed.await;
        }
    }

    /// How many are in Kafka.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(SeqCst)
    }

    /// How many are larger than Kafka takes.
    pub fn too_large(&self) -> u64 {
        self.too_large.load(SeqCst)
    }

    /// Why the first of those that failed did.
    pub fn fault(&self) -> Option<&str> {
        self.fault.get().map(String::as_str)
    }

    /// Partition and offset of the one that was acknowledged last.
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
