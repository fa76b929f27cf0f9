//! Models: `/v1/models`, and `/v1/{model}`, the list of each.

mod all;
mod list;

pub(crate) use all::all;
pub(crate) use list::list;
