//! Models: `/v1/models`, and `/v1/{model}`, the list of each.

pub(crate) mod all;
pub(crate) mod list;
