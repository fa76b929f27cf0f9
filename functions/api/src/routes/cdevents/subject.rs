//! `GET /v1/subjects/{kind}/{id}`: one thing with its state, its events, and its edges to other
//! things.

use axum::{extract::State, http::Uri, response::Response};
use tokio_postgres::{Row, types::Type};
use weir_model::listing::{ColumnKind, ListColumn};

use super::{path::Texts, subjects::COLUMNS};
use crate::{
    ApiError, ApiState,
    etag::IfNoneMatch,
    list::{Cell, Columns, RowEncoder, answer_one},
    openapi::listed_body,
    query::Params,
};

/// The members after those of a list's element.
const MORE: &[ListColumn] = &[
    ListColumn::maybe("payload", ColumnKind::Json, "The latest event about the subject."),
    ListColumn::of(
        "history",
        ColumnKind::Json,
        "The events of the subject, latest first, at most 100. `/v1/cdevents?subject_id=` has all \
            of them.",
    ),
    ListColumn::of(
        "edges",
        ColumnKind::Json,
        "The edges of the subject in the graph, at most 100 in each direction.",
    ),
];

listed_body!(
    SubjectWhole,
    "SubjectWhole",
    "A subject with its events and its edges.",
    COLUMNS.iter().chain(MORE)
);

/// Returns the subject, or 404.
#[utoipa::path(
    get, path = "/v1/subjects/{kind}/{id}", security(("key" = ["read"])),
    operation_id = "subjects_get", tag = "cdevents",
    params(
        ("kind" = String, Path, description = "`service`, `pipelinerun`, `environment` …"),
        ("id" = String, Path, description = "The id of the subject. Write a slash as `%2F` and a percent sign as `%25`."),
    ),
    responses((status = 200, description = "The subject.", body = SubjectWhole), (status = 304, description = "The client already has this version.")),
)]
pub(crate) async fn get(
    State(state): State<ApiState>,
    Texts(texts): Texts<2>,
    uri: Uri,
    known: IfNoneMatch,
) -> Result<Response, ApiError> {
    let [kind, id] = texts;
    Params::of(&uri).done()?;
    let row = state
        .lists
        .row(include_str!("subject.sql"), &[(&kind, Type::TEXT), (&id, Type::TEXT)])
        .await?;
    let Some(row) = row else {
        return Err(ApiError::NotFound { what: "subject", id: format!("{kind} {id}") });
    };
    answer_one(&known, &Whole, &row)
}

/// The members of a list's element, and those in [`MORE`].
struct Whole;

impl RowEncoder for Whole {
    fn names(&self) -> Vec<&'static str> {
        COLUMNS.iter().chain(MORE).map(|column| column.name).collect()
    }

    fn cells<'r>(
        &'r self,
        row: &'r Row,
        cells: &mut Vec<Cell<'r>>,
    ) -> Result<(), tokio_postgres::Error> {
        Columns::read(COLUMNS.iter().chain(MORE), row, cells)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::{Value, json};

    use crate::testing::ApiWorld;

    #[tokio::test]
    async fn state_history_and_neighbours() {
        let world = ApiWorld::new().await;
        let event = |kind: &str, at: &str, content: Value| {
            json!({"context": {"specversion": "0.5.1", "id": kind, "source": "/x", "type": format!("dev.cdevents.{kind}.0.3.0"), "timestamp": at},
                "subject": {"id": if kind.starts_with("build") { "b/1" } else { "shop" }, "content": content}})
            .to_string()
        };
        let artifact = "pkg:oci/shop@sha256%3Aab?tag=1.2";
        world
            .cdevents(&[
                event("build.started", "2026-01-02T03:00:00Z", json!({})),
                event("build.finished", "2026-01-02T03:10:00Z", json!({"artifactId": artifact})),
                event(
                    "service.deployed",
                    "2026-01-02T04:00:00Z",
                    json!({"environment": {"id": "prod"}, "artifactId": artifact}),
                ),
            ])
            .await;
        let build = world.get("/v1/subjects/build/b%2F1").await.json();
        assert_eq!(
            build["predicates"],
            json!({"started": "2026-01-02T03:00:00.000Z", "finished": "2026-01-02T03:10:00.000Z"})
        );
        assert_eq!(build["payload"]["context"]["id"], "build.finished");
        let history: Vec<&str> = build["history"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["predicate"].as_str().unwrap())
            .collect();
        assert_eq!(history, ["finished", "started"]);
        assert_eq!(
            build["edges"],
            json!([{"from_kind": "build", "from_id": "b/1", "relation": "produced", "to_kind": "artifact", "to_id": artifact, "at": "2026-01-02T03:10:00.000Z", "event_id": "build.finished"}])
        );
        let artifact =
            world.get("/v1/subjects/artifact/pkg:oci%2Fshop@sha256%253Aab%3Ftag=1.2").await.json();
        let relations: Vec<&str> = artifact["edges"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["relation"].as_str().unwrap())
            .collect();
        assert_eq!(
            (relations, &artifact["history"], &artifact["payload"]),
            (vec!["derivedFrom", "deployedWith", "produced"], &json!([]), &json!(null))
        );
        for nobody in ["build/nobody", "nothing/b%2F1", "build/%ff", "build/%00"] {
            world
                .get(&format!("/v1/subjects/{nobody}"))
                .await
                .is_problem(StatusCode::NOT_FOUND, "NOT_FOUND");
        }
    }
}
