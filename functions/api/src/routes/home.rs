//! `GET /`: the name and the version of the program.

use axum::extract::State;

use crate::ApiState;

/// Returns `weir version <x.y.z>`.
#[utoipa::path(
    get, path = "/", security(()),
    operation_id = "home", tag = "system",
    responses((status = 200, description = "The name and the version of the program.", body = String, content_type = "text/plain")),
)]
pub(crate) async fn home(State(state): State<ApiState>) -> String {
    format!("weir version {}", state.version)
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use crate::testing::{ApiWorld, VERSION};

    #[tokio::test]
    async fn it_says_the_version() {
        let answer = ApiWorld::new().await.get("/").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.text(), format!("weir version {VERSION}"));
        assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
    }
}
