//! What every request goes through.

mod fit;
mod limit;
mod log;
mod problem;
mod route;
mod trailing_slash;

pub(crate) use fit::fit;
pub use limit::Deadline;
pub(crate) use limit::{Gate, limit};
pub(crate) use log::log_request;
pub(crate) use problem::render_problem;
pub use route::Route;
pub(crate) use route::note_route;
pub(crate) use trailing_slash::tolerate_trailing_slash;
