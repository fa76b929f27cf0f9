//! The routes that collect events over HTTP.

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use weir_collect::{CollectState, Sources, intake::Intake};
use weir_http::Access;
use weir_kafka::Producer;
use weir_model::Decoder;
use weir_store::Writer;

use crate::{Exit, Settings};

/// Creates the collect routes for the bound topics.
pub(super) async fn routes(
    settings: &Settings,
    writer: &Writer,
    decoders: Vec<Arc<dyn Decoder>>,
    producer: Arc<Producer>,
    access: Access,
) -> Result<OpenApiRouter, Exit> {
    let intake = Intake::new(producer, writer.models().clone(), writer.topics().clone(), decoders);
    let sources = Sources::open(&settings.sources, &intake).await.map_err(Exit::usage)?;
    Ok(weir_collect::routes(CollectState::new(intake, sources, access, settings.collect.clone())))
}
