//! What there is beside the list of `CDEvents`: one event, the things that they are about,
//! deployments, and DORA.

pub(crate) mod deployments;
pub(crate) mod dora;
pub(crate) mod get;
mod path;
pub(crate) mod subject;
pub(crate) mod subjects;
