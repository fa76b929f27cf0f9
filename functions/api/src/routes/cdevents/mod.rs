//! The routes of `CDEvents` other than the list: one event, the things that events are about,
//! deployments, and DORA.

pub(crate) mod deployments;
pub(crate) mod dora;
pub(crate) mod get;
mod path;
pub(crate) mod subject;
pub(crate) mod subjects;
