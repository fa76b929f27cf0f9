#![doc = include_str!("../README.md")]

mod archived;
mod dumps;
mod error;
mod etag;
mod health;
mod json;
mod list;
mod openapi;
mod path_params;
mod query;
mod router;
mod routes;
mod row_stream;
mod settings;
mod state;
mod stream_ids;
#[cfg(test)]
mod testing;

pub use dumps::{Dumps, PublicDumps};
pub use error::ApiError;
pub use health::{Condition, DatabaseHealth, Health, condition_in_time, fault_of};
pub use router::{RouteTable, router};
pub use routes::{
    Acknowledged, ClassCount, FailureFilter, RecordFilter, RetriedMany, count_failures,
    discard_failure, find_failure, list_failures, retry_failure, retry_failures,
    summarize_failures,
};
pub use settings::FunctionSettings;
pub use state::ApiState;
