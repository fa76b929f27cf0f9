//! `GET /project/{project}/disk-usage`: the size of a project's builds in bytes.

use axum::{extract::State, response::Response};
use tokio_postgres::types::Type;

use crate::{ApiError, ApiState, json, path_params::UuidPath};

/// Returns the sum of the real bytes of the builds that were not reaped; 0 if the project has no
/// builds.
///
/// The sum may have more than 64 bits, which a JSON number can hold.
#[utoipa::path(
    get, path = "/project/{project}/disk-usage", security(("key" = ["read"])),
    operation_id = "builds_project_disk_usage", tag = "builds",
    params(("project" = Uuid, Path, description = "Id of the project.")),
    responses((status = 200, description = "The sum of the real bytes of builds that were not reaped.", body = i64, content_type = "application/json")),
)]
pub(crate) async fn project_disk_usage(
    State(state): State<ApiState>,
    UuidPath(id): UuidPath,
) -> Result<Response, ApiError> {
    let row = state.lists.row(include_str!("project_disk_usage.sql"), &[(&id, Type::UUID)]).await?;
    let sum: String =
        row.map(|row| row.try_get("bytes")).transpose()?.unwrap_or_else(|| "0".to_owned());
    Ok(json::response(sum.into_bytes()))
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use crate::testing::ApiWorld;

    #[tokio::test]
    async fn reaped_builds_take_nothing() {
        let world = ApiWorld::new().await;
        let event = |n: u8, bytes: u64, reaped: bool| {
            format!(
                r#"{{"data":{{"data":1,"build":{{"id":"5a3b9c00-0000-4000-8000-0000000000{n:02}","projectId":"5a3b9c00-0000-4000-8000-0000000000AA",
                "diskSpace":{{"realBytes":{bytes}}},"reaped":{reaped}}}}}}}"#
            )
        };
        let huge = u64::try_from(i64::MAX).unwrap();
        world.build_events(&[event(1, 7, false), event(2, huge, false), event(3, 100, true)]).await;
        let usage =
            async |project: &str| world.get(&format!("/project/{project}/disk-usage")).await;
        assert_eq!(
            usage("5a3b9c00-0000-4000-8000-0000000000aa").await.text(),
            "9223372036854775814"
        );
        assert_eq!(usage("5a3b9c00-0000-4000-8000-0000000000ee").await.text(), "0");
        usage("none").await.is_problem(StatusCode::BAD_REQUEST, "INVALID_ID");
    }
}
