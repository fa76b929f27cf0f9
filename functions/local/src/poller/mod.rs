//! What Lambda's event source mapping does, in this process: join a consumer group, make the event JSON, call
//! the handler, commit the offsets only after success, and give the same batch again after a failure.
//!
//! Several lanes run side by side, each a consumer of the same group with partitions of its own:
//!
//! ```text
//! Kafka ─► lane: poll ─► Batch (being filled) ─► Hand (with the handler) ─► commit
//!            │               records_max, event_bytes_max, window    └─ failed: the same again, or its halves
//!            └► OffsetTracker: an offset that was jumped over and is gone from the broker is a LostRange
//! ```
//!
//! While the handler works, the lane fills the next batch; when that is full too, it pauses its partitions and
//! goes on polling, so that a long outage does not cost it its place in the group.

mod assignment;
mod backoff;
mod batch;
mod config;
mod hand;
mod handle;
mod invoke;
mod lane;
mod lookup;
mod loss;
mod record_json;
mod status;
#[cfg(test)]
mod tests;

pub use config::{EVENT_BYTES_MAX, EVENT_SOURCE, LANES_DEFAULT, PollerConfig, RECORDS_MAX, TIME_LIMIT, WINDOW};
pub use handle::{Poller, PollerHandle};
pub use invoke::{Invoke, InvokeError};
pub use loss::LostRange;
pub use status::PollerStatus;
