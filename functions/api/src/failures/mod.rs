//! Records that could not be stored as events: `/v1/failures`.

mod body;
mod list;

pub(crate) use list::list;
