//! `GET /project/{project}/builds`: ids of a project's builds by start time, the latest first.

use axum::{extract::State, response::Response};
use tokio_postgres::types::Type;

use super::list::ids;
use crate::{
    ApiError, ApiState,
    list::{ListRequest, Value},
    openapi::IdsParams,
    path_params::UuidPath,
};

/// Returns the builds of a project, as a page or all of them.
///
/// The list is empty for an unknown project.
#[utoipa::path(
    get, path = "/project/{project}/builds", security(("key" = ["read"])),
    operation_id = "builds_project_builds", tag = "builds",
    params(("project" = Uuid, Path, description = "Id of the project."), IdsParams),
    responses((status = 200, description = "Ids of builds; the build that started last comes first. All ids unless limit is given.", body = Vec<Uuid>)),
)]
pub(crate) async fn project_builds(
    State(state): State<ApiState>,
    UuidPath(id): UuidPath,
    asked: ListRequest,
) -> Result<Response, ApiError> {
    ids(&state, asked, "project_builds", vec![(Value::Uuid(id), Type::UUID)]).await
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use crate::testing::ApiWorld;

    #[tokio::test]
    async fn a_projects_builds_newest_first() {
        let world = ApiWorld::new().await;
        world.sample_builds().await;
        let all = world.get("/build").await;
        let project = "0e3c1f6a-2f50-4a86-9d5c-7b9c1a4f2d10";
        assert_eq!(world.get(&format!("/project/{project}/builds")).await.json(), all.json());
        let page = world.get(&format!("/project/{project}/builds?limit=2")).await;
        assert_eq!(page.json(), json!(all.json().as_array().unwrap()[..2]));
        assert_eq!(world.next(&page).await.json(), json!(all.json().as_array().unwrap()[2..]));
        assert_eq!(
            world.get("/project/5a3b9c00-0000-4000-8000-0000000000ee/builds").await.text(),
            "[]"
        );
        world.get("/project/x/builds").await.is_problem(StatusCode::BAD_REQUEST, "INVALID_ID");
    }
}
