//! The API's documentation: `/openapi.json`, made from the handlers' annotations, and `/docs`, a viewer for it.

mod document;
mod examples;
mod shapes;
mod viewer;

pub(crate) use document::{Document, document};
pub(crate) use shapes::{
    AverageBody, BuildBody, CdEventBody, DeploymentBody, DeploymentParams, DoraBody, DoraParams, EventBody, FailureBody, FilterParams,
    IdPath, IdentityParams, IdsParams, LocationBody, ManifestBody, OutcomeParam, PageParams, Problem, StatusBody, SubjectBody,
    SubjectWhole,
};
pub(crate) use viewer::{file, index};
