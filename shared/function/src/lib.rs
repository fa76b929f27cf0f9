//! What the Lambda functions have in common: settings, the log, spans, metrics, the init phase. `weir` needs none of it.

mod begun;
mod emf;
mod init;
mod log;
#[cfg(feature = "otel")]
mod otlp;
mod settings;
mod traces;

pub use begun::{Begun, begin};
pub use emf::{Metric, Unit, emf_line};
pub use init::warm_up;
pub use settings::refuse;
pub use traces::{Endpoint, TracesConfig, Trigger};
