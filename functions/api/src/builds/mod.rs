//! Builds: `/build` and `/build/{build}`, as Probo-DB had them.

mod get;
mod list;

pub(crate) use get::get;
pub(crate) use list::list;
