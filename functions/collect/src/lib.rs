//! Events from outside, checked by their models and written to Kafka: for `weir` and for Lambda.
//!
//! The way of a request: a route takes the body piece by piece ([`body`]), [`splitting`] finds the values in it, an
//! [`intake::Target`] has each checked by its topic's model, an [`intake::IntakeRun`] hands it to the
//! [`Producer`](weir_kafka::Producer) and waits when that is full; the answer goes out when Kafka has spoken on each of them. What is sent again is stored again in the
//! log, and once in a projection, since its key is the same.

pub mod body;
pub mod files;
pub mod intake;
mod limits;
mod routes;
pub mod sources;
pub mod splitting;

pub use limits::CollectLimits;
pub use routes::{CollectState, Uploads, routes};
pub use sources::{Sources, SourcesConfig};
