//! `GET /build/{build}/events`: the events of a build, from the log.

use axum::{extract::State, response::Response};

use crate::{
    ApiError, ApiState,
    list::ListRequest,
    openapi::{OutcomeParams, PageParams},
    path_params::UuidPath,
    routes::{
        events::{EventBody, answer},
        record_filter::RecordFilter,
    },
};

/// Returns the events about a build, from the topics that are bound to the model builds.
///
/// The list is empty for an unknown build.
#[utoipa::path(
    get, path = "/build/{build}/events", security(("key" = ["read"])),
    operation_id = "builds_events", tag = "builds",
    params(("build" = Uuid, Path, description = "Id of the build."), PageParams, OutcomeParams, ("event_type" = Option<String>, Query, description = "The type of the event.")),
    responses((status = 200, description = "The events of the build from the log, newest first.", body = Vec<EventBody>)),
)]
pub(crate) async fn events(
    State(state): State<ApiState>,
    UuidPath(id): UuidPath,
    mut asked: ListRequest,
) -> Result<Response, ApiError> {
    let filter = RecordFilter {
        topics: Some(state.topics_of("builds")),
        // The model writes ids in lower case with hyphens.
        entity_id: Some(id.to_string()),
        event_type: asked.params.text("event_type")?,
        ..RecordFilter::default()
    };
    answer(&state, asked, "build_events", filter).await
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use crate::testing::ApiWorld;

    #[tokio::test]
    async fn a_builds_history_is_newest_first() {
        let world = ApiWorld::new().await;
        let id = "5a3b9c00-0000-4000-8000-0000000000AB";
        let event = |name: &str, minute: u8, id: &str| {
            format!(
                r#"{{"data":{{"event":"{name}","data":{{}},"build":{{"id":"{id}","projectId":"{id}","updatedAt":"2020-01-01T00:{minute:02}:00Z"}}}}}}"#
            )
        };
        let other = "5a3b9c00-0000-4000-8000-0000000000cd";
        world
            .build_events(&[
                event("started", 1, id),
                event("ready", 3, id),
                event("started", 2, other),
                event("updated", 2, id),
            ])
            .await;
        let list = world.get(&format!("/build/{id}/events")).await.json();
        let types: Vec<&str> =
            list.as_array().unwrap().iter().map(|e| e["event_type"].as_str().unwrap()).collect();
        assert_eq!(types, ["ready", "updated", "started"]);
        assert_eq!(
            world
                .get(&format!("/build/{id}/events?event_type=ready&limit=5"))
                .await
                .json()
                .as_array()
                .map(Vec::len),
            Some(1)
        );
        assert_eq!(
            world.get("/build/5a3b9c00-0000-4000-8000-0000000000ee/events").await.text(),
            "[]"
        );
        world.get("/build/7/events").await.is_problem(StatusCode::BAD_REQUEST, "INVALID_ID");
    }
}
