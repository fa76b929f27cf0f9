//! What a database plugin is: it gets the transaction and the batch of new events.

use std::{borrow::Cow, sync::Arc};

use async_trait::async_trait;
use weir_model::{Micros, Migration};

use crate::{PluginError, Tx};

/// An event that was just stored, in the transaction that stores it.
#[derive(Debug, Clone)]
pub struct NewEvent<'a> {
    /// Topic.
    pub topic: &'a str,
    /// Kafka consumer group.
    pub group_id: &'a str,
    /// The stream's short id, the one in `events.stream`.
    pub stream: i32,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// The record's timestamp, milliseconds since 1970.
    pub timestamp_ms: i64,
    /// Record key.
    pub key: Option<&'a [u8]>,
    /// Which thing it is about.
    pub entity_id: Option<&'a str>,
    /// When it happened.
    pub event_time: Option<Micros>,
    /// What happened.
    pub event_type: Option<&'a str>,
    /// Version of its shape.
    pub event_version: Option<&'a str>,
    /// The value as JSON text. It may hold what `jsonb` refuses: [`weir_model::json_text`] tells.
    pub payload: Cow<'a, str>,
}

/// What shall be applied once more.
#[derive(Debug, Clone, Copy)]
pub enum Reapply<'a> {
    /// Everything that the log holds of a stream (`weir replay --plugin`).
    Stream(i32),
    /// One event (`POST /v1/events/{id}/retry`).
    Event(&'a NewEvent<'a>),
}

/// A plugin that keeps tables of its own, in a schema of its name.
#[async_trait]
pub trait DatabasePlugin: Send + Sync + 'static {
    /// The name: in `--plugins`, and of its schema. `[a-z][a-z0-9_]*`.
    fn name(&self) -> &'static str;

    /// Its schema's history. Runs with the search path on its schema; tables of the core are
    /// `public.…`.
    fn migrations(&self) -> &'static [Migration];

    /// Applies new events, in the transaction that stores them: what it writes is there exactly
    /// when they are. Never called twice for one event, unless the transaction of the first call
    /// was undone; so it must touch nothing but `tx`. Lock rows in a fixed order (sort keys) to
    /// never deadlock with another invocation.
    async fn apply(&self, tx: &Tx, events: &[NewEvent<'_>]) -> Result<(), PluginError>;

    /// Applies again what was applied before. Only a plugin knows whether it can.
    async fn reapply(&self, _tx: &Tx, _what: Reapply<'_>) -> Result<(), PluginError> {
        Err(PluginError::Refused(format!(
            "{} cannot apply events a second time: it has no reapply",
            self.name()
        )))
    }
}

/// The plugins that are switched on, in the order in which they are applied.
pub type Plugins = Vec<Arc<dyn DatabasePlugin>>;
