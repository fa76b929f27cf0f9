//! `GET /v1/cdevents/{id}`: one event, by the id from its producer.

use axum::{extract::State, http::Uri, response::Response};
use tokio_postgres::types::Type;
use weir_http::ProblemCode;
use weir_model::cdevents::LISTING;

use super::path::Texts;
use crate::{
    ApiError, ApiState,
    etag::IfNoneMatch,
    list::{Columns, answer_one},
    openapi::{IdentityParams, Problem, listed_body},
    query::Params,
};

listed_body!(CdEventBody, "CdEvent", "A CDEvent.", LISTING.columns.iter());

/// Returns the event, or 404.
///
/// If several events have this id, `source` and `type` select one of them.
#[utoipa::path(
    get, path = "/v1/cdevents/{id}", security(("key" = ["read"])),
    operation_id = "cdevents_get", tag = "cdevents",
    params(("id" = String, Path, description = "`context.id`."), IdentityParams),
    responses(
        (status = 200, description = "The event.", body = CdEventBody),
        (status = 304, description = "The client already has this version."),
        (status = 422, description = "Several events have this id.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn get(
    State(state): State<ApiState>,
    Texts(texts): Texts<1>,
    uri: Uri,
    known: IfNoneMatch,
) -> Result<Response, ApiError> {
    let [id] = texts;
    let mut params = Params::of(&uri);
    let (source, kind) = (params.text("source")?, params.text("type")?);
    params.done()?;
    let rows = state
        .lists
        .rows(
            include_str!("get.sql"),
            &[(&id, Type::TEXT), (&source, Type::TEXT), (&kind, Type::TEXT)],
        )
        .await?;
    let row = match &rows[..] {
        [row] => row,
        [] => return Err(ApiError::NotFound { what: "CDEvent", id }),
        _ => {
            return Err(ApiError::Unprocessable {
                code: ProblemCode::AmbiguousId,
                detail: format!("several CDEvents have the id {id}"),
                hint: "also give source and type, which together with the id identify an event",
            });
        }
    };
    answer_one(&known, &Columns(LISTING.columns), row)
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use crate::testing::ApiWorld;

    fn event(id: &str, source: &str, kind: &str) -> String {
        json!({"context": {"specversion": "0.5.1", "id": id, "source": source, "type": format!("dev.cdevents.build.{kind}.0.3.0"),
            "timestamp": "2026-01-02T03:04:05.678Z"}, "subject": {"id": "b", "content": {}}})
        .to_string()
    }

    #[tokio::test]
    async fn one_event_by_its_id() {
        let world = ApiWorld::new().await;
        world
            .cdevents(&[
                event("a/1 %", "/x", "queued"),
                event("twice", "/x", "queued"),
                event("twice", "/y", "queued"),
                event("twice", "/y", "started"),
            ])
            .await;
        let one = world.get("/v1/cdevents/a%2F1%20%25").await;
        assert_eq!((one.status, &one.json()["id"]), (StatusCode::OK, &"a/1 %".into()));
        let list = world.get("/v1/cdevents?source=/x").await.json();
        assert!(list.as_array().unwrap().contains(&one.json()), "{list}");
        assert_eq!(one.json()["payload"]["subject"]["id"], "b");
        world
            .get("/v1/cdevents/twice")
            .await
            .is_problem(StatusCode::UNPROCESSABLE_ENTITY, "AMBIGUOUS_ID");
        world
            .get("/v1/cdevents/twice?source=/y")
            .await
            .is_problem(StatusCode::UNPROCESSABLE_ENTITY, "AMBIGUOUS_ID");
        let one = world
            .get("/v1/cdevents/twice?source=/y&type=dev.cdevents.build.started.0.3.0")
            .await
            .json();
        assert_eq!((&one["source"], &one["predicate"]), (&"/y".into(), &"started".into()));
        assert_eq!(world.get("/v1/cdevents/twice?source=/x").await.status, StatusCode::OK);
        for nobody in ["nobody", "%ff", "%00", "twice?source=/z"] {
            world
                .get(&format!("/v1/cdevents/{nobody}"))
                .await
                .is_problem(StatusCode::NOT_FOUND, "NOT_FOUND");
        }
        world
            .get("/v1/cdevents/twice?sauce=/y")
            .await
            .is_problem(StatusCode::BAD_REQUEST, "INVALID_PARAMETER");
    }
}
