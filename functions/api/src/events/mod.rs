//! The log: `/v1/events`.

mod body;
mod get;
mod list;
mod retry;

pub(crate) use body::{COORDINATES, KEY, coordinates, key};
pub(crate) use get::get;
pub(crate) use list::{answer, list, take_outcome};
pub(crate) use retry::retry;
