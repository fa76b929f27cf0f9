//! `GET /v1/subjects/{kind}`: the things of a kind with their state.

use axum::{extract::State, response::Response};
use tokio_postgres::{Row, types::Type};
use weir_model::listing::{ColumnKind, ListColumn};

use super::path::Texts;
use crate::{
    ApiError, ApiState,
    list::{Columns, ListRequest, Query, Value},
    openapi::{PageParams, listed_body},
    query::LIMIT_DEFAULT,
};

pub(super) const COLUMNS: &[ListColumn] = &[
    ListColumn::of("kind", ColumnKind::Text, "The kind of the subject."),
    ListColumn::of("id", ColumnKind::Text, "The id of the subject."),
    ListColumn::of(
        "first_seen",
        ColumnKind::Instant,
        "The time of the earliest event that is about the subject or names it.",
    ),
    ListColumn::maybe(
        "last_at",
        ColumnKind::Instant,
        "The time of the latest event about the subject; null if events only name it.",
    ),
    ListColumn::maybe("outcome", ColumnKind::Text, "The outcome in the latest event that has one."),
    ListColumn::of(
        "predicates",
        ColumnKind::Json,
        "The predicates of the subject's events, each with its latest time.",
    ),
    ListColumn::maybe(
        "properties",
        ColumnKind::Json,
        "The members of the subject in the latest event that names it, without the id.",
    ),
];

listed_body!(SubjectBody, "Subject", "A subject that events are about or name.", COLUMNS.iter());

/// Returns the subjects of a kind, sorted by id.
///
/// The list is empty for an unknown kind.
#[utoipa::path(
    get, path = "/v1/subjects/{kind}", security(("key" = ["read"])),
    operation_id = "subjects_list", tag = "cdevents",
    params(("kind" = String, Path, description = "`service`, `pipelinerun`, `environment` …"), PageParams),
    responses((status = 200, description = "A page of subjects, sorted by id.", body = Vec<SubjectBody>)),
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    Texts(texts): Texts<1>,
    asked: ListRequest,
) -> Result<Response, ApiError> {
    let [kind] = texts;
    let query = Query {
        name: "subjects",
        sql: include_str!("subjects.sql"),
        filters: vec![(Value::Text(kind), Type::TEXT)],
        pages: Vec::new(),
        merged: None,
        archive: None,
        key: vec![ColumnKind::Text],
        limit_default: Some(LIMIT_DEFAULT),
        may_lag: true,
    };
    let key = |row: &Row| Ok(vec![Value::Text(row.try_get("id")?)]);
    asked.answer(&state, query, key, async |_| Ok(Columns(COLUMNS))).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::ApiWorld;

    #[tokio::test]
    async fn the_things_of_a_kind_page_by_page() {
        let world = ApiWorld::new().await;
        assert_eq!(world.get("/v1/subjects/service").await.text(), "[]");
        world.sample_cdevents().await;
        let all = world.get("/v1/subjects/service").await.json();
        let ids: Vec<&str> =
            all.as_array().unwrap().iter().map(|s| s["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["billing", "checkout", "search", "shop"]);
        let page = world.get("/v1/subjects/service?limit=3").await;
        assert_eq!(page.json(), json!(all.as_array().unwrap()[..3]));
        assert_eq!(world.next(&page).await.json(), json!(all.as_array().unwrap()[3..]));
        let shop = &all[3];
        assert_eq!(shop["kind"], "service");
        assert_eq!(
            shop["last_at"],
            *shop["predicates"].as_object().unwrap().values().max_by_key(|at| at.as_str()).unwrap()
        );
        // Other events name this thing, and no event is about it.
        let named = world.get("/v1/subjects/testsuite").await.json();
        assert_eq!(
            (&named[0]["id"], &named[0]["last_at"], &named[0]["properties"]["name"]),
            (&json!("billing-suite"), &json!(null), &json!("billing"))
        );
        assert_eq!(world.get("/v1/subjects/unicorn").await.text(), "[]");
        assert!(
            world
                .get_as("/v1/subjects/pipelinerun", "application/x-ndjson")
                .await
                .text()
                .lines()
                .count()
                > 20
        );
    }
}
