//! The routes. Each one's method and path stand in the annotation of its handler.

mod answer;
mod cloud_events;
mod events;
mod fault;
mod ingest;
mod request;
mod shapes;
mod topic;
mod upload;
mod webhook;

use std::sync::Arc;

use tokio::sync::Semaphore;
use utoipa_axum::{router::OpenApiRouter, routes};
use weir_api::Access;

use crate::{CollectLimits, Sources, intake::Intake};

pub(crate) use fault::Fault;

pub use upload::Uploads;

/// Everything that the routes need. Cheap to clone.
#[derive(Clone)]
pub struct CollectState(Arc<Shared>);

/// What a [`CollectState`] holds.
pub struct Shared {
    intake: Intake,
    sources: Sources,
    access: Access,
    limits: CollectLimits,
    places: Semaphore,
    uploads: Option<Arc<dyn Uploads>>,
}

impl std::ops::Deref for CollectState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl CollectState {
    /// The state over an intake. `access` is what those sources ask for that have no signature.
    pub fn new(intake: Intake, sources: Sources, access: Access, limits: CollectLimits) -> Self {
        Self::with_uploads(intake, sources, access, limits, None)
    }

    /// The same where bodies are bounded, and files of any length may go elsewhere.
    pub fn with_uploads(
        intake: Intake,
        sources: Sources,
        access: Access,
        limits: CollectLimits,
        uploads: Option<Arc<dyn Uploads>>,
    ) -> Self {
        let places = Semaphore::new(limits.collect_streams.into());
        Self(Arc::new(Shared { intake, sources, access, limits, places, uploads }))
    }
}

/// The table of routes. They are asked for keys by whoever serves them (see `weir_api::routes_beside`).
pub fn routes(state: CollectState) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(ingest::ingest))
        .routes(routes!(upload::upload))
        .routes(routes!(topic::ingest_topic))
        .routes(routes!(events::events))
        .routes(routes!(webhook::webhook))
        .with_state(state)
}
