//! `GET /build/{build}/disk-usage`: the size of a build in bytes.

use axum::{Json, extract::State};
use tokio_postgres::types::Type;

use crate::{ApiError, ApiState, path_params::UuidPath};

/// Returns the real bytes of a build, or 404.
#[utoipa::path(
    get, path = "/build/{build}/disk-usage", security(("key" = ["read"])),
    operation_id = "builds_disk_usage", tag = "builds",
    params(("build" = Uuid, Path, description = "Id of the build.")),
    responses((status = 200, description = "The real bytes of the build.", body = i64, content_type = "application/json")),
)]
pub(crate) async fn disk_usage(
    State(state): State<ApiState>,
    UuidPath(id): UuidPath,
) -> Result<Json<i64>, ApiError> {
    let row = state.reader.row(include_str!("disk_usage.sql"), &[(&id, Type::UUID)]).await?;
    let row = row.ok_or_else(|| ApiError::NotFound { what: "build", id: id.to_string() })?;
    Ok(Json(row.try_get("bytes_real")?))
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use crate::testing::ApiWorld;

    #[tokio::test]
    async fn a_builds_bytes_are_a_number() {
        let world = ApiWorld::new().await;
        world.sample_builds().await;
        let build = world.get("/build/5a3b9c00-0000-4000-8000-000000000002").await.json();
        let answer = world.get("/build/5a3b9c00-0000-4000-8000-000000000002/disk-usage").await;
        assert_eq!(
            (answer.status, &answer.headers["content-type"]),
            (StatusCode::OK, &"application/json".parse().unwrap())
        );
        assert_eq!(answer.json(), build["bytesReal"]);
        assert!(answer.json().as_i64().is_some_and(|bytes| bytes > 0));
    }

    #[tokio::test]
    async fn an_unknown_build_is_404_and_no_uuid_is_400() {
        let world = ApiWorld::new().await;
        world
            .get("/build/5a3b9c00-0000-4000-8000-0000000000ab/disk-usage")
            .await
            .is_problem(StatusCode::NOT_FOUND, "NOT_FOUND");
        world.get("/build/7/disk-usage").await.is_problem(StatusCode::BAD_REQUEST, "INVALID_ID");
    }
}
