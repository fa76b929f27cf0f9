//! The kinds of health reasons, each with its cause and remedy.

use serde::Serialize;
use strum::{EnumMessage, IntoStaticStr, VariantArray};

/// The kind of a [`HealthReason`](crate::HealthReason), which is the label of its metric.
///
/// The documentation of a variant is the cause, and its `message` the remedy. `docs/codes.md` is
/// made from both.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    EnumMessage,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum HealthKind {
    /// The batch of one topic fails again and again. The topic is set aside, and the other topics
    /// continue.
    #[strum(
        message = "Read the text of the reason. Common causes are a missing month table (`weir migrate`), a missing right, and an error of a plugin. Weir retries with growing delays."
    )]
    Batch,
    /// Kafka does not answer. No record can be stored.
    #[strum(message = "Check the brokers and the network. Weir then connects again.")]
    Broker,
    /// A worker reads no more records after a fatal error of the Kafka client.
    #[strum(message = "Remove the cause that the text names, then restart Weir.")]
    Consumer,
    /// The stored records differ from the broker's log: the topic was recreated or truncated.
    /// `weir` does not read the topic. In AWS each batch of the partition fails.
    #[strum(
        message = "Find out what happened to the topic. Then run `weir topic reset NAME`, or restore the old topic."
    )]
    Contradiction,
    /// PostgreSQL does not answer, or is read-only. No record can be stored, and Kafka keeps all.
    #[strum(message = "Bring PostgreSQL back. Weir continues within 10 s.")]
    Database,
    /// Some offsets were never delivered, and later records of the partition are stored.
    #[strum(message = "Run `weir reconcile`, then `weir reconcile --repair`.")]
    Gap,
    /// The database or Kafka did not answer the health check within 5 s.
    #[strum(message = "Check the load, the locks and the connections of the database.")]
    Health,
    /// Records are behind a transaction that a producer began more than 90 s ago. No consumer gets
    /// these records before the transaction ends.
    #[strum(
        message = "End the transaction or its producer. `kafka-transactions.sh find-hanging` finds it."
    )]
    OpenTransaction,
    /// One partition cannot be read at its current offset.
    #[strum(
        message = "Read the text of the reason. Check the broker's log and the rights of Weir's Kafka user."
    )]
    Partition,
    /// The database or a plugin refused more than 100 records of one batch. The reason stays for
    /// one hour after the batch.
    #[strum(
        message = "Run `weir failures list`. Repair the constraint, the plugin or the producer, then retry the failures."
    )]
    Refused,
    /// A variable of a function contradicts the settings in the database. The function serves no
    /// request.
    #[strum(
        message = "Change the variable to the value that the text names, or the database by `weir apply`."
    )]
    Settings,
    /// Kafka no longer has the topic, or Weir's Kafka user may not describe and read it.
    #[strum(
        message = "Create the topic, or grant the rights. Weir reads the topic within seconds."
    )]
    Topic,
}

impl HealthKind {
    /// Returns the kind as `/healthz` and the metric show it, such as `open_transaction`.
    pub fn name(self) -> &'static str {
        self.into()
    }
}
