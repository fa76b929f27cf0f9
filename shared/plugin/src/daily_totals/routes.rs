//! `GET /plugins/daily_totals?topic=…&from=YYYY-MM-DD&to=YYYY-MM-DD&limit=…`: returns totals, the
//! newest day first.

use axum::{
    Json, Router,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_postgres::types::Type;
use weir_store::{Store, StoreError};

use super::{DailyTotals, TypedParam};
use crate::ApiPlugin;

/// The number of rows in an answer without `limit`.
const LIMIT_DEFAULT: i64 = 100;
const LIMIT_MAX: i64 = 1000;

impl ApiPlugin for DailyTotals {
    fn name(&self) -> &'static str {
        "daily_totals"
    }

    fn routes(&self, store: Store) -> Router {
        Router::new().route("/", get(totals)).with_state(store)
    }

    fn openapi(&self) -> serde_json::Value {
        let parameter = |name: &str, about: &str, schema: serde_json::Value| json!({"name": name, "in": "query", "required": false, "description": about, "schema": schema});
        let day = json!({"type": "string", "format": "date"});
        let text = json!({"type": "string"});
        let total = json!({
            "type": "object",
            "properties": {"topic": text, "day": day, "event_type": text, "events": {"type": "integer", "format": "int64"}},
            "required": ["topic", "day", "event_type", "events"],
            "additionalProperties": false,
        });
        json!({"/": {"get": {
            "tags": ["plugins"],
            "summary": "Events per topic, type and day, the newest day first.",
            "operationId": "daily_totals",
            "parameters": [
                parameter("topic", "Kafka topic.", text),
                parameter("from", "On this day or later.", day.clone()),
                parameter("to", "On this day or earlier.", day),
                parameter("limit", "The most totals to return; the default is 100.", json!({"type": "integer", "minimum": 1, "maximum": LIMIT_MAX})),
            ],
            "responses": {"200": {
                "description": "The totals.",
                "content": {"application/json": {"schema": {"type": "array", "items": total}}},
            }},
        }}})
    }
}

#[derive(Deserialize)]
struct TotalsFilter {
    topic: Option<String>,
    from: Option<String>,
    to: Option<String>,
    limit: Option<i64>,
}

#[derive(Serialize)]
struct Total {
    topic: String,
    day: String,
    event_type: String,
    events: i64,
}

async fn totals(State(store): State<Store>, Query(filter): Query<TotalsFilter>) -> Response {
    let limit = filter.limit.unwrap_or(LIMIT_DEFAULT);
    let days = [&filter.from, &filter.to].into_iter().flatten().all(|day| is_day(day));
    if !days || !(1..=LIMIT_MAX).contains(&limit) {
        return problem(
            StatusCode::BAD_REQUEST,
            "from and to must be days like 2025-01-31, and limit must be 1 to 1000",
        );
    }
    match read(&store, &filter, limit).await {
        Ok(all) => Json(all).into_response(),
        Err(StoreError::Database(error))
            if error.code().is_some_and(|c| c.code().starts_with("22")) =>
        {
            problem(StatusCode::BAD_REQUEST, "from and to must be days of the calendar")
        }
        Err(error) => {
            tracing::error!(%error, "daily_totals");
            problem(StatusCode::SERVICE_UNAVAILABLE, "the database does not answer")
        }
    }
}

async fn read(store: &Store, filter: &TotalsFilter, limit: i64) -> Result<Vec<Total>, StoreError> {
    store
        .transaction("daily_totals", |tx| async move {
            let params: [TypedParam<'_>; 4] = [
                (&filter.topic, Type::TEXT),
                (&filter.from, Type::TEXT),
                (&filter.to, Type::TEXT),
                (&limit, Type::INT8),
            ];
            let rows = tx.query(include_str!("totals.sql"), &params).await?;
            rows.iter()
                .map(|row| {
                    Ok(Total {
                        topic: row.try_get("topic")?,
                        day: row.try_get("day")?,
                        event_type: row.try_get("event_type")?,
                        events: row.try_get("events")?,
                    })
                })
                .collect()
        })
        .await
}

fn is_day(text: &str) -> bool {
    text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(n, b)| if n == 4 || n == 7 { b == b'-' } else { b.is_ascii_digit() })
}

/// The router converts the text into problem+json, as for all errors of plugins.
fn problem(status: StatusCode, detail: &'static str) -> Response {
    (status, detail).into_response()
}
