#![doc = include_str!("../README.md")]

mod emf;
mod init;
mod log;
#[cfg(feature = "otel")]
mod otlp;
mod runtime;
mod settings;
mod traces;

pub use emf::{Metric, Unit, emf_line};
pub use init::warm_up;
pub use runtime::{Runtime, begin, start};
pub use settings::refuse;
pub use traces::{Endpoint, TracesConfig, Trigger};
