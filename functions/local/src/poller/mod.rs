//! Does the work of Lambda's event source mapping in this process. The poller joins a consumer
//! group, builds the event JSON and calls the handler. It commits the offsets only after success,
//! and retries the same batch after a failure.
//!
//! Several workers run in parallel. Each is a consumer of the same group with its own partitions:
//!
//! ```text
//! database ─► stored position of each partition, requested at each assignment
//! Kafka ─► worker: poll ─► Batch (being filled) ─► InFlight (the handler has it) ─► commit
//!            │               records_max, event_bytes_max, window
//!            │                                       └─ failed: retried, or split by topic
//!            │                                            └─ a topic that fails again is set aside
//!            └► OffsetTracker: a skipped offset that the broker has dropped is a LostRange
//! ```
//!
//! A topic that fails alone never stops the others: it is paused and named in the health reasons,
//! and read again after growing delays.
//!
//! While the handler works, the worker fills the next batch. When that batch is full too, the
//! worker pauses its partitions and keeps polling, so that the group does not remove it during a
//! long outage.

mod assignment;
mod backoff;
mod batch;
mod config;
mod first_jump;
mod handle;
mod in_flight;
mod invoke;
mod loss;
mod offset_lookup;
mod record_json;
mod refetch;
mod starting;
mod status;
mod stored;
mod stuck_topic;
mod topic_watch;
mod unreadable;
mod worker;

pub use config::{
    EVENT_BYTES_MAX, EVENT_SOURCE, PollerConfig, RECORDS_MAX, TIME_LIMIT, WORKERS_DEFAULT,
};
pub use handle::{CLOSE_LIMIT, Poller, PollerHandle};
pub use invoke::{Invoke, InvokeError};
pub use loss::LostRange;
pub use refetch::{RefetchError, refetch};
pub use status::{Hidden, PollerStatus};
pub use stored::StoredPositions;
