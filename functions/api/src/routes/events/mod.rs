//! The log: `/v1/events`.

mod body;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod retry;

pub(crate) use body::{COORDINATES, Coordinates, EventBody, KEY, key};
pub(crate) use list::answer;
