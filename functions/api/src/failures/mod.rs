//! Records that could not be stored as events: `/v1/failures`.

mod body;
mod count;
mod discard;
mod get;
mod list;
mod retry;
mod retry_many;

pub(crate) use count::count;
pub(crate) use discard::discard;
pub(crate) use get::get;
pub(crate) use list::list;
pub(crate) use retry::retry;
pub(crate) use retry_many::retry_many;
