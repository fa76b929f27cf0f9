//! `GET /v1/models`: the models with their topics and counts.

use std::collections::HashMap;

use axum::{Json, extract::State, http::Uri};
use serde::Serialize;
use utoipa::ToSchema;
use weir_model::ProjectionKind;

use crate::{ApiError, ApiState, query::Params};

/// A model.
#[derive(Serialize, ToSchema)]
#[schema(as = Model)]
pub(crate) struct ModelInfo {
    /// The name of the model, as in `/v1/{model}`.
    name: &'static str,
    /// `log`, `series` or `state`.
    kind: &'static str,
    /// The topics that are bound to the model.
    topics: Vec<TopicInfo>,
}

/// A topic.
#[derive(Serialize, ToSchema)]
#[schema(as = Topic)]
pub(crate) struct TopicInfo {
    /// The name of the topic.
    name: String,
    /// The number of settled offsets of all groups and epochs: stored, skipped, failed or removed
    /// on purpose. Holes that Kafka leaves (compaction, transaction markers) count too.
    settled: i64,
    /// The number of failures.
    failures: i64,
}

/// Returns all models of the program, in the order of its list.
#[utoipa::path(
    get, path = "/v1/models", security(("key" = ["read"])),
    operation_id = "models_all", tag = "models",
    responses((status = 200, description = "All models with their topics.", body = Vec<ModelInfo>)),
)]
pub(crate) async fn all(
    State(state): State<ApiState>,
    uri: Uri,
) -> Result<Json<Vec<ModelInfo>>, ApiError> {
    Params::of(&uri).done()?;
    let mut counts = HashMap::new();
    for row in state.lists.rows(include_str!("all.sql"), &[]).await? {
        counts.insert(
            row.try_get::<_, String>("topic")?,
            (row.try_get::<_, i64>("settled")?, row.try_get::<_, i64>("failures")?),
        );
    }
    let topic = |name: String| {
        let (settled, failures) = counts.get(&name).copied().unwrap_or_default();
        TopicInfo { name, settled, failures }
    };
    let model = |model: &std::sync::Arc<dyn weir_model::Model>| ModelInfo {
        name: model.name(),
        kind: match model.kind() {
            ProjectionKind::Log => "log",
            ProjectionKind::Series => "series",
            ProjectionKind::State => "state",
        },
        topics: state.topics_of(model.name()).into_iter().map(topic).collect(),
    };
    Ok(Json(state.writer.models().iter().map(model).collect()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use weir_testkit::Record;

    use crate::testing::ApiWorld;

    #[tokio::test]
    async fn each_model_with_its_topics_and_counts() {
        let world = ApiWorld::new().await;
        world.sample_builds().await;
        world.readings(&[("speed", 1.0, "2020-01-03T00:00:00Z")]).await;
        world
            .deliver([Record {
                topic: "readings".into(),
                partition: 5,
                offset: 3,
                value: "{".into(),
                ..Record::default()
            }])
            .await;
        let topic = |name: &str, settled: i64, failures: i64| json!({"name": name, "settled": settled, "failures": failures});
        let expected = json!([
            {"name": "events", "kind": "log", "topics": [topic("orders", 0, 0)]},
            {"name": "builds", "kind": "state", "topics": [topic("build_events", 6, 0)]},
            {"name": "readings", "kind": "series", "topics": [topic("readings", 2, 1)]},
            {"name": "cdevents", "kind": "series", "topics": [topic("cdevents", 0, 0)]},
        ]);
        assert_eq!(world.get("/v1/models").await.json(), expected);
    }
}
