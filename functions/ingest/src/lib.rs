//! Kafka batch in, rows out.
//!
//! [`Handler::handle`] says the pipeline aloud; `main.rs` wires it to `lambda_runtime`; the local program calls it
//! in process with the same event JSON.

mod emf;
mod handler;

pub use emf::emf_line;
pub use handler::{Handler, IngestError};
