//! The routes: a folder for each subject, a file for each route, with its SQL next to it.

pub(crate) mod builds;
pub(crate) mod cdevents;
pub(crate) mod dumps;
pub(crate) mod events;
pub(crate) mod failures;
pub(crate) mod health;
pub(crate) mod home;
pub(crate) mod models;
pub(crate) mod ping;
pub(crate) mod readings;
mod record_filter;
mod retry_response;

pub use failures::{
    ClassCount, FailureFilter, RetriedMany, count_failures, discard_failure, find_failure,
    list_failures, retry_failure, retry_failures, summarize_failures,
};
pub use record_filter::RecordFilter;
pub use retry_response::Acknowledged;
