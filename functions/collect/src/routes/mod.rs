//! The routes. Each one's method and path stand in the annotation of its handler.

mod answer;
mod cdevents;
mod cloud_events;
mod error;
mod events;
mod ingest;
mod places;
mod request;
mod shapes;
mod topic;
mod upload;
mod webhook;

use std::sync::Arc;

use utoipa_axum::{router::OpenApiRouter, routes};
use weir_http::Access;

use crate::{
    CollectLimits, Sources,
    intake::{Intake, NoTarget, Target},
};

use places::Places;

pub(crate) use error::CollectError;

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
    places: Places,
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
        let places = Places::new(&limits);
        Self(Arc::new(Shared { intake, sources, access, limits, places, uploads }))
    }
}

impl Shared {
    /// Where events of a model go: the topic of the model's name, or else the first that is bound
    /// to it.
    fn target_of(&self, model: &str) -> Result<Target, NoTarget> {
        let topics = self.intake.topics().of_model(model);
        let topic = topics.iter().find(|topic| *topic == model).or(topics.first());
        self.intake.target(topic.map_or(model, String::as_str), None)
    }
}

/// The table of routes. Whoever serves them asks for the keys that they declare
/// (`weir_http::guard_and_note`).
pub fn routes(state: CollectState) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(ingest::ingest))
        .routes(routes!(upload::upload))
        .routes(routes!(topic::ingest_topic))
        .routes(routes!(events::events))
        .routes(routes!(cdevents::cdevents))
        .routes(routes!(webhook::webhook))
        .with_state(state)
}
