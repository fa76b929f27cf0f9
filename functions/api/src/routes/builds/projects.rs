//! `GET /project`: ids of projects that have builds.

use axum::{extract::State, response::Response};
use tokio_postgres::Row;
use weir_model::listing::ColumnKind;

use super::list::Ids;
use crate::{
    ApiError, ApiState,
    list::{ListRequest, Query, Value},
    openapi::IdsParams,
};

/// Returns the ids of projects, as a page or all of them, sorted by id.
#[utoipa::path(
    get, path = "/project", security(("key" = ["read"])),
    operation_id = "builds_projects", tag = "builds",
    params(IdsParams),
    responses((status = 200, description = "Ids of projects that have builds.", body = Vec<Uuid>)),
)]
pub(crate) async fn projects(
    State(state): State<ApiState>,
    asked: ListRequest,
) -> Result<Response, ApiError> {
    let query = Query {
        name: "project",
        sql: include_str!("projects.sql"),
        filters: vec![],
        pages: Vec::new(),
        merged: None,
        archive: None,
        key: vec![ColumnKind::Uuid],
        limit_default: None,
        may_lag: true,
    };
    let key = |row: &Row| Ok(vec![Value::Uuid(row.try_get("project_id")?)]);
    asked.answer(&state, query, key, async |_| Ok(Ids("project_id"))).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::ApiWorld;

    #[tokio::test]
    async fn each_project_once() {
        let world = ApiWorld::new().await;
        assert_eq!(world.get("/project").await.text(), "[]");
        let event = |n: u8| {
            let project = n % 3;
            format!(
                r#"{{"data":{{"data":1,"build":{{"id":"5a3b9c00-0000-4000-8000-0000000000{n:02}","projectId":"5a3b9c00-0000-4000-8000-00000000000{project}"}}}}}}"#
            )
        };
        world.build_events(&(0..9).map(event).collect::<Vec<_>>()).await;
        let id = |n: u8| format!("5a3b9c00-0000-4000-8000-00000000000{n}");
        assert_eq!(world.get("/project").await.json(), json!([id(0), id(1), id(2)]));
        let page = world.get("/project?limit=2").await;
        assert_eq!(page.json(), json!([id(0), id(1)]));
        assert_eq!(world.next(&page).await.json(), json!([id(2)]));
        assert_eq!(world.get("/project?offset=2").await.json(), json!([id(2)]));
    }
}
