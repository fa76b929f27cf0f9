//! Builds: `/build…` and `/project…`, as Probo-DB had them.

mod disk_usage;
mod events;
mod get;
mod list;
mod project_builds;
mod project_disk_usage;
mod projects;

pub(crate) use disk_usage::disk_usage;
pub(crate) use events::events;
pub(crate) use get::get;
pub(crate) use list::list;
pub(crate) use project_builds::project_builds;
pub(crate) use project_disk_usage::project_disk_usage;
pub(crate) use projects::projects;
