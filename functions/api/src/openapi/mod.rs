//! The API's documentation: `/openapi.json`, made from the handlers' annotations, and `/docs`, a
//! viewer for it.

mod cdevents;
mod document;
mod examples;
mod listed;
mod shapes;
mod texts;
mod viewer;

use axum::{Router, routing::get};

pub(crate) use cdevents::{DeploymentParams, DoraParams, IdentityParams};
pub(crate) use document::Document;
pub(crate) use listed::{body, listed_body};
pub(crate) use shapes::{
    AverageBody, ClassParams, CountedParams, FilterParams, IdPath, IdsParams, OutcomeParams,
    PageParams, Problem, StatusBody,
};
pub(crate) use texts::describe as describe_texts;

/// The routes of this module, which need no key.
pub(crate) const OPEN: [&str; 3] = ["/docs", "/docs/{*file}", "/openapi.json"];

/// Returns the routes of the document and its viewer.
pub(crate) fn routes(document: Document) -> Router {
    let [index, file, json] = OPEN;
    Router::new()
        .route(index, get(viewer::index))
        .route(file, get(viewer::file))
        .route(json, get(document::document))
        .with_state(document)
}
