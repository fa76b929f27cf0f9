//! Records that could not be stored as events: `/v1/failures`.

mod body;
pub(crate) mod count;
pub(crate) mod discard;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod retry;
pub(crate) mod retry_many;
