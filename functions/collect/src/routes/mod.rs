//! The routes. The annotation of each handler has its method and path.

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

/// The state of the routes. Cheap to clone.
#[derive(Clone)]
pub struct CollectState(Arc<Shared>);

/// The content of a [`CollectState`].
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
    /// Creates the state for an intake. `access` checks the API key for sources without a
    /// signature.
    pub fn new(intake: Intake, sources: Sources, access: Access, limits: CollectLimits) -> Self {
        Self::with_uploads(intake, sources, access, limits, None)
    }

    /// Creates the state with `uploads`: another place for files that exceed the limit of a body.
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
    /// Returns the target for events of a model: the topic with the model's name, or else the first
    /// topic that is bound to it.
    fn target_of(&self, model: &str) -> Result<Target, NoTarget> {
        let topics = self.intake.topics().of_model(model);
        let topic = topics.iter().find(|topic| *topic == model).or(topics.first());
        self.intake.target(topic.map_or(model, String::as_str), None)
    }
}

/// Returns the routes. The server that mounts them must check the keys that they declare
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
