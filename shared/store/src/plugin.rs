//! Database plugins, which get the transaction and the batch of new events.

use std::{borrow::Cow, sync::Arc};

use async_trait::async_trait;
use weir_model::{Micros, Migration};

use crate::{PluginError, Tx};

/// An event that was just stored, in the transaction that stores it.
#[derive(Debug, Clone)]
pub struct NewEvent<'a> {
    /// The name of the topic.
    pub topic: &'a str,
    /// The Kafka consumer group.
    pub group_id: &'a str,
    /// The stream's short id, as in `events.stream`.
    pub stream: i32,
    /// The number of the partition.
    pub partition: i32,
    /// The offset in the partition.
    pub offset: i64,
    /// The record's timestamp, milliseconds since 1970.
    pub timestamp_ms: i64,
    /// The key of the record.
    pub key: Option<&'a [u8]>,
    /// The id of the entity that the event is about.
    pub entity_id: Option<&'a str>,
    /// The event's own time.
    pub event_time: Option<Micros>,
    /// The type of the event.
    pub event_type: Option<&'a str>,
    /// The version of the event's format.
    pub event_version: Option<&'a str>,
    /// The value as JSON text. It may contain characters that `jsonb` refuses;
    /// [`weir_model::json_text`] finds them.
    pub payload: Cow<'a, str>,
}

/// The events to apply again.
#[derive(Debug, Clone, Copy)]
pub enum Reapply<'a> {
    /// All events of a stream in the log (`weir replay --plugin`).
    Stream(i32),
    /// One event (`POST /v1/events/{id}/retry`).
    Event(&'a NewEvent<'a>),
}

/// A plugin with tables in a schema of the plugin's name.
#[async_trait]
pub trait DatabasePlugin: Send + Sync + 'static {
    /// Returns the name, which `--plugins` lists and which is the name of its schema.
    /// `[a-z][a-z0-9_]*`.
    fn name(&self) -> &'static str;

    /// Returns the migrations of its schema. They run with the search path set to this schema;
    /// tables of the core are `public.…`.
    fn migrations(&self) -> &'static [Migration];

    /// Applies new events, in the transaction that stores them. The changes commit together with
    /// the events.
    ///
    /// An event is never applied twice, unless the transaction of the first call was rolled back.
    /// So the plugin must change nothing outside `tx`. Lock rows in a fixed order (sort keys) to
    /// avoid deadlocks with other invocations.
    async fn apply(&self, tx: &Tx, events: &[NewEvent<'_>]) -> Result<(), PluginError>;

    /// Applies events again that were applied before. By default a plugin refuses.
    ///
    /// The transaction does not see months of the log that retention removed. A plugin that reads
    /// the log must refuse if `event_removals` has rows of the stream.
    async fn reapply(&self, _tx: &Tx, _what: Reapply<'_>) -> Result<(), PluginError> {
        Err(PluginError::Refused(
            "the plugin cannot apply an event again, because it does not implement reapply".into(),
        ))
    }
}

/// The enabled plugins, in the order in which they are applied.
pub type Plugins = Vec<Arc<dyn DatabasePlugin>>;
