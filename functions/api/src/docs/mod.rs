//! The API's documentation: `/openapi.json`, made from the handlers' annotations, and `/docs`, a viewer for it.

mod cdevents;
mod document;
mod examples;
mod shapes;
pub(crate) mod texts;
mod viewer;

pub(crate) use cdevents::{CdEventBody, DeploymentBody, DeploymentParams, DoraBody, DoraParams, IdentityParams, SubjectBody, SubjectWhole};
pub(crate) use document::{Document, document};
pub(crate) use shapes::{
    AverageBody, BuildBody, EventBody, FailureBody, FilterParams, IdPath, IdsParams, LocationBody, ManifestBody, OutcomeParam, PageParams,
    Problem, StatusBody,
};
pub(crate) use viewer::{file, index};
