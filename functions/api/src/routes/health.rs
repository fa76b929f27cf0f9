//! `GET /livez`, `/readyz`, `/healthz`: whether the program runs, whether records can be stored,
//! and the problems.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use weir_http::RETRY_AFTER_SECONDS;
use weir_store::HealthReason;

use crate::{ApiState, Condition, condition_in_time};

/// Maximum number of reasons in an answer.
const REASONS_MAX: usize = 100;

/// The condition of the program.
#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
pub(crate) struct HealthBody {
    /// `ok`; `degraded` if records can be stored but a reason exists; `unavailable` if no record
    /// can be stored.
    status: &'static str,
    /// The reasons why the status is not `ok`, at most 100.
    #[schema(inline)]
    reasons: Vec<ReasonBody>,
    /// The version of the program.
    version: &'static str,
}

/// A reason.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReasonBody {
    /// The kind of the reason: `database`, `broker`, `batch`, `gap`, `open_transaction`,
    /// `partition`, `topic` and others.
    kind: &'static str,
    /// The topic that the reason concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    topic: Option<String>,
    /// The partition that the reason concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    partition: Option<i32>,
    /// The error, its cause and the remedy.
    text: String,
}

impl From<HealthReason> for ReasonBody {
    fn from(reason: HealthReason) -> Self {
        let HealthReason { kind, topic, partition, text } = reason;
        Self { kind: kind.name(), topic, partition, text }
    }
}

/// Returns 200 while the program runs, even if the database or the broker does not answer.
///
/// This route is for the health check of a container.
#[utoipa::path(
    get, path = "/livez", security(()),
    operation_id = "live", tag = "system",
    responses((status = 200, description = "The program runs.", body = HealthBody)),
)]
pub(crate) async fn livez(State(state): State<ApiState>) -> Json<HealthBody> {
    Json(HealthBody { status: "ok", reasons: Vec::new(), version: state.version })
}

/// Returns `ok`, or `degraded` with reasons, while records can be stored; otherwise 503 and
/// `unavailable`.
#[utoipa::path(
    get, path = "/healthz", security(()),
    operation_id = "health", tag = "system",
    responses((status = 200, description = "Records can be stored.", body = HealthBody), (status = 503, description = "No record can be stored.", body = HealthBody)),
)]
pub(crate) async fn healthz(State(state): State<ApiState>) -> Response {
    answer(condition_in_time(state.health.as_ref()).await, state.version)
}

/// Returns the same answer as `/healthz`, for load balancers that use this name.
#[utoipa::path(
    get, path = "/readyz", security(()),
    operation_id = "ready", tag = "system",
    responses((status = 200, description = "Records can be stored.", body = HealthBody), (status = 503, description = "No record can be stored.", body = HealthBody)),
)]
pub(crate) async fn readyz(state: State<ApiState>) -> Response {
    healthz(state).await
}

fn answer(Condition { faults, reasons }: Condition, version: &'static str) -> Response {
    let is_ready = faults.is_empty();
    let status = match (is_ready, reasons.is_empty()) {
        (false, _) => "unavailable",
        (true, false) => "degraded",
        (true, true) => "ok",
    };
    let reasons =
        faults.into_iter().chain(reasons).take(REASONS_MAX).map(ReasonBody::from).collect();
    let body = Json(HealthBody { status, reasons, version });
    if is_ready {
        return body.into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, RETRY_AFTER_SECONDS)], body)
        .into_response()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_trait::async_trait;
    use serde_json::{Value, json};
    use weir_store::HealthKind;

    use super::*;
    use crate::{
        Health,
        health::condition_within,
        testing::{ApiWorld, VERSION},
    };

    enum Fake {
        Never,
        Degraded,
    }

    #[async_trait]
    impl Health for Fake {
        async fn condition(&self) -> Condition {
            match self {
                Self::Never => std::future::pending().await,
                Self::Degraded => {
                    let reason = |partition| HealthReason {
                        kind: HealthKind::Batch,
                        topic: Some("t".into()),
                        partition,
                        text: "fails".into(),
                    };
                    Condition {
                        reasons: vec![reason(None), reason(Some(3))],
                        ..Condition::default()
                    }
                }
            }
        }
    }

    async fn told(health: &Fake) -> (StatusCode, Value) {
        let answer = answer(condition_within(health, Duration::from_millis(20)).await, VERSION);
        let status = answer.status();
        let body = axum::body::to_bytes(answer.into_body(), 1_000).await.expect("a body");
        (status, serde_json::from_slice(&body).expect("json"))
    }

    #[tokio::test]
    async fn a_gap_is_named() {
        let world = ApiWorld::new().await;
        world.client().await.batch_execute("INSERT INTO streams (topic, group_id, epoch) VALUES ('late', 'weir', 0);
            INSERT INTO stream_partitions (stream, partition, next_offset, begin_offset) SELECT id, 3, 20, 4 FROM streams WHERE topic = 'late';
            INSERT INTO stream_gaps (stream, partition, first_offset, end_offset) SELECT id, 3, 0, 4 FROM streams WHERE topic = 'late';
            INSERT INTO stream_gaps (stream, partition, first_offset, end_offset) SELECT id, 3, 7, 9 FROM streams WHERE topic = 'late'").await.expect("written");
        let answer = world.get("/healthz").await;
        assert_eq!(answer.status, StatusCode::OK);
        let gap = json!({"kind": "gap", "topic": "late", "partition": 3, "text": "offsets 7 to 8 were never delivered: run `weir reconcile --repair` to fetch them"});
        assert_eq!(
            answer.json(),
            json!({"status": "degraded", "reasons": [gap], "version": VERSION})
        );
    }

    #[tokio::test]
    async fn ready_is_200() {
        let world = ApiWorld::new().await;
        for path in ["/healthz", "/readyz", "/livez"] {
            let answer = world.get(path).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
            assert_eq!(
                answer.json(),
                json!({"status": "ok", "reasons": [], "version": VERSION}),
                "{path}"
            );
        }
    }

    #[tokio::test]
    async fn without_a_database_it_lives_and_is_not_ready() {
        let world = ApiWorld::without_database();
        for path in ["/healthz", "/readyz"] {
            let answer = world.get(path).await;
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
            let reasons = json!([{"kind": "database", "text": "the database does not answer"}]);
            assert_eq!(
                answer.json(),
                json!({"status": "unavailable", "reasons": reasons, "version": VERSION}),
                "{path}"
            );
            assert!(answer.headers.contains_key("retry-after"));
        }
        assert_eq!(world.get("/livez").await.status, StatusCode::OK);
    }

    #[tokio::test]
    async fn a_database_that_is_read_only_is_not_ready() {
        let world = ApiWorld::new().await;
        // The setting applies to new connections, and the request opens its first connection.
        let read_only = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$";
        world.client().await.batch_execute(read_only).await.expect("set");
        let answer = world.get("/healthz").await;
        assert_eq!(
            (answer.status, &answer.json()["status"]),
            (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable"))
        );
        assert!(answer.text().contains("read-only"), "{}", answer.text());
    }

    #[tokio::test]
    async fn what_contradicts_the_broker_is_named_until_the_reset() {
        let world = ApiWorld::new().await;
        world.readings(&[("speed", 1.0, "2020-01-02T00:00:00Z")]).await;
        let sql = world.client().await;
        let note = "INSERT INTO stream_contradictions (stream, partition, first_offset, end_offset, what) SELECT stream, partition, 3, 5, 'made again' FROM stream_partitions";
        sql.batch_execute(note).await.expect("noted");
        let answer = world.get("/healthz").await;
        let text = "readings-0 offsets 3 to 4: made again; run `weir topic reset readings` to begin a new stream with the broker's records";
        let reasons =
            json!([{"kind": "contradiction", "topic": "readings", "partition": 0, "text": text}]);
        assert_eq!(
            (answer.status, answer.json()),
            (StatusCode::OK, json!({"status": "degraded", "reasons": reasons, "version": VERSION}))
        );
        let epoch =
            "INSERT INTO streams (topic, group_id, epoch) SELECT topic, group_id, 1 FROM streams";
        sql.batch_execute(epoch).await.expect("reset");
        assert_eq!(world.get("/healthz").await.json()["status"], "ok");
    }

    #[tokio::test]
    async fn a_problem_is_a_reason_and_does_not_cause_a_restart() {
        let (status, body) = told(&Fake::Degraded).await;
        let reasons = json!([{"kind": "batch", "topic": "t", "text": "fails"}, {"kind": "batch", "topic": "t", "partition": 3, "text": "fails"}]);
        assert_eq!(
            (status, body),
            (StatusCode::OK, json!({"status": "degraded", "reasons": reasons, "version": VERSION}))
        );
    }

    #[tokio::test]
    async fn a_part_that_never_answers_is_not_ready() {
        let (status, body) = told(&Fake::Never).await;
        assert_eq!(
            (status, &body["status"], &body["reasons"][0]["kind"]),
            (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable"), &json!("health"))
        );
    }
}
