//! Builds: `/build…` and `/project…`, the routes of Probo-DB.

pub(crate) mod disk_usage;
pub(crate) mod events;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod project_builds;
pub(crate) mod project_disk_usage;
pub(crate) mod projects;
