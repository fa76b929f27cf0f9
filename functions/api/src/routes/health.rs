//! `GET /healthz`: whether everything that is needed is ready.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use weir_http::RETRY_AFTER_SECONDS;

use crate::{ApiState, Health};

/// Asking may not take longer: who polls gives up soon, too.
const ASKING_SECONDS_MAX: u64 = 5;

/// `{"status":"ok","broker":"ok","database":"ok"}`, or 503 with `"status":"unavailable"` and the fault.
#[utoipa::path(
    get, path = "/healthz", security(()),
    operation_id = "health", tag = "system",
    responses((status = 200, description = "Everything that is needed is ready.", body = BTreeMap<String, String>), (status = 503, description = "Something is not.", body = BTreeMap<String, String>)),
)]
pub(crate) async fn healthz(State(state): State<ApiState>) -> Response {
    answer(state.health.as_ref(), Duration::from_secs(ASKING_SECONDS_MAX)).await
}

async fn answer(health: &dyn Health, limit: Duration) -> Response {
    let asked = tokio::time::timeout(limit, health.parts()).await;
    let ready = asked.as_ref().is_ok_and(|parts| parts.iter().all(|part| part.fault.is_none()));
    let mut body: BTreeMap<&str, &str> = asked.iter().flatten().map(|part| (part.name, part.fault.unwrap_or("ok"))).collect();
    body.insert("status", if ready { "ok" } else { "unavailable" });
    if ready {
        return Json(body).into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, RETRY_AFTER_SECONDS)], Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use serde_json::json;

    use super::*;
    use crate::{Part, testing::ApiWorld};

    struct Never;

    #[async_trait]
    impl Health for Never {
        async fn parts(&self) -> Vec<Part> {
            std::future::pending().await
        }
    }

    #[tokio::test]
    async fn ready_is_200_and_names_the_parts() {
        let answer = ApiWorld::new().await.get("/healthz").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.json(), json!({"status": "ok", "database": "ok"}));
    }

    #[tokio::test]
    async fn not_ready_is_503_and_names_the_part() {
        let answer = ApiWorld::without_database().get("/healthz").await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.json(), json!({"status": "unavailable", "database": "away"}));
        assert!(answer.headers.contains_key("retry-after"));
    }

    #[tokio::test]
    async fn a_part_that_never_answers_is_not_ready() {
        let answer = answer(&Never, Duration::from_millis(20)).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let body = axum::body::to_bytes(answer.into_body(), 100).await.expect("a body");
        assert_eq!(body, r#"{"status":"unavailable"}"#);
    }
}
