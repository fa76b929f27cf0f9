//! What the Lambda functions have in common: settings, the log, metrics, the init phase. `weir` needs none of it.

mod emf;
mod init;
mod log;
mod settings;

pub use emf::{Metric, Unit, emf_line};
pub use init::warm_up;
pub use log::log_to_stdout;
pub use settings::{refuse, settings};
