//! What every request goes through.

mod limit;
mod log;
mod problem;
mod trailing_slash;

pub use limit::Deadline;
pub(crate) use limit::{Gate, limit};
pub(crate) use log::log_request;
pub(crate) use problem::render_problem;
pub(crate) use trailing_slash::tolerate_trailing_slash;
