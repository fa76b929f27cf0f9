//! Records that could not be stored as events: `/v1/failures`.

mod body;
pub(crate) mod count;
pub(crate) mod discard;
mod filter;
#[cfg(test)]
mod first_page;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod retry;
pub(crate) mod retry_many;
pub(crate) mod summary;

pub use count::count_failures;
pub use discard::discard_failure;
pub use filter::FailureFilter;
pub use get::find_failure;
pub use list::list_failures;
pub use retry::retry_failure;
pub use retry_many::{RetriedMany, retry_failures};
pub use summary::{ClassCount, summarize_failures};
