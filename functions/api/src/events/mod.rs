//! The log: `/v1/events`.

mod body;
mod list;

pub(crate) use body::Coordinates;
pub(crate) use list::list;
