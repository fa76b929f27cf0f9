//! `GET /v1/failures/summary`: the number of failures by topic, consumer group and class.

use axum::{Json, extract::State, http::Uri};
use serde::Serialize;
use utoipa::ToSchema;

use super::filter::FailureFilter;
use crate::{
    ApiError, ApiState,
    list::Value,
    openapi::{ClassParams, CountedParams},
    query::Params,
};

/// The number of failures of a topic, a consumer group and a class.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClassCount {
    /// Kafka topic.
    pub topic: String,
    /// Kafka consumer group.
    pub group_id: String,
    /// The class of the error.
    pub error_class: String,
    /// The number of failures that pass the filters and were not discarded. It is above 0.
    pub count: i64,
}

/// Returns the numbers of failures by topic, consumer group and class.
///
/// The time that this takes does not depend on the number of failures.
#[utoipa::path(
    get, path = "/v1/failures/summary", security(("key" = ["read"])),
    operation_id = "failures_summary", tag = "failures",
    params(CountedParams, ClassParams),
    responses((status = 200, description = "The numbers of failures, sorted by topic, consumer group and class.", body = Vec<ClassCount>)),
)]
pub(crate) async fn summary(
    State(state): State<ApiState>,
    uri: Uri,
) -> Result<Json<Vec<ClassCount>>, ApiError> {
    let mut params = Params::of(&uri);
    let filter = FailureFilter::take_counted(&state, &mut params).await?;
    params.done()?;
    summarize_failures(&state, filter).await.map(Json)
}

/// Returns the numbers of failures by topic, consumer group and class. Of the filters, only topic,
/// group, partition and class count.
pub async fn summarize_failures(
    state: &ApiState,
    filter: FailureFilter,
) -> Result<Vec<ClassCount>, ApiError> {
    let filters = filter.counted_values();
    let mut counts = Vec::new();
    for row in state.lists.rows(include_str!("summary.sql"), &Value::params(&filters)).await? {
        counts.push(ClassCount {
            topic: row.try_get("topic")?,
            group_id: row.try_get("group_id")?,
            error_class: row.try_get("error_class")?,
            count: row.try_get("count")?,
        });
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use axum::http::{Method, StatusCode};
    use serde_json::{Value, json};
    use weir_testkit::Record;

    use crate::testing::ApiWorld;

    fn bad(topic: &str, partition: i32, offset: i64) -> Record {
        Record { topic: topic.into(), partition, offset, value: "{".into(), ..Record::default() }
    }

    async fn filled() -> ApiWorld {
        let world = ApiWorld::new().await;
        world
            .deliver([
                bad("readings", 0, 0),
                bad("readings", 1, 0),
                bad("readings", 1, 1),
                bad("orders", 0, 0),
                bad("unbound", 0, 0),
            ])
            .await;
        world
    }

    fn count(topic: &str, class: &str, count: i64) -> Value {
        json!({"topic": topic, "group_id": "weir", "error_class": class, "count": count})
    }

    #[tokio::test]
    async fn failures_are_counted_by_topic_and_class() {
        let world = filled().await;
        let all = [
            count("orders", "invalid_json", 1),
            count("readings", "invalid_reading", 3),
            count("unbound", "unbound_topic", 1),
        ];
        for (query, counts) in [
            ("", json!(all)),
            ("?topic=readings", json!([all[1]])),
            ("?topic=readings&partition=1", json!([count("readings", "invalid_reading", 2)])),
            ("?error_class=unbound_topic&group_id=weir", json!([all[2]])),
            ("?error_class=database_23514", json!([])),
            ("?group_id=others", json!([])),
        ] {
            let answer = world.get(&format!("/v1/failures/summary{query}")).await;
            assert_eq!(answer.json(), counts, "{query}");
            // The count of the same filters is the sum.
            let sum: i64 = counts
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|count| count["count"].as_i64())
                .sum();
            let answer = world.get(&format!("/v1/failures/count{query}")).await;
            assert_eq!(answer.json(), json!({"count": sum}), "{query}");
        }
        world.ask(Method::DELETE, "/v1/failures/readings-0-0").await;
        let left = world.get("/v1/failures/summary?topic=readings").await.json();
        assert_eq!(left, json!([count("readings", "invalid_reading", 2)]));
        world.ask(Method::DELETE, "/v1/failures/orders-0-0").await;
        assert_eq!(world.get("/v1/failures/summary?topic=orders").await.text(), "[]");
        world
            .get("/v1/failures/summary?entity_id=a")
            .await
            .is_problem(StatusCode::BAD_REQUEST, "INVALID_PARAMETER");
    }

    #[tokio::test]
    async fn a_class_selects_in_every_route_and_a_wrong_one_is_named() {
        let world = filled().await;
        let list = world.get("/v1/failures?error_class=invalid_json").await.json();
        let ids: Vec<&Value> = list.as_array().into_iter().flatten().map(|f| &f["id"]).collect();
        assert_eq!(ids, [&Value::from("orders-0-0")]);
        // The class of a model from outside this workspace is known once a failure had it.
        let own = "/v1/failures?error_class=bad_order";
        let routes = ["/v1/failures", "/v1/failures/count", "/v1/failures/summary"];
        for (class, named) in
            [("invalid_jsn", "\"invalid_jsn\""), ("bad_order", "\"bad_order\""), ("", "\"\"")]
        {
            let retried =
                world.ask(Method::POST, &format!("/v1/failures/retry?error_class={class}")).await;
            let mut answers = vec![retried];
            for route in routes {
                answers.push(world.get(&format!("{route}?error_class={class}")).await);
            }
            for answer in answers {
                answer.is_problem(StatusCode::BAD_REQUEST, "INVALID_PARAMETER");
                assert_eq!(answer.json()["detail"], format!("error_class is {named}"));
                let hint = answer.json()["hint"].to_string();
                assert!(hint.contains("invalid_json, ") && hint.contains("database_…"), "{hint}");
            }
        }
        let set = "UPDATE failures SET error_class = 'bad_order' WHERE model = 'readings'";
        world.client().await.batch_execute(set).await.expect("set");
        assert_eq!(world.get(own).await.json().as_array().map(Vec::len), Some(3));
        let retried = world.ask(Method::POST, "/v1/failures/retry?error_class=unbound_topic").await;
        assert_eq!(
            retried.json(),
            json!({"acknowledged": 0, "skipped": 0, "failed": 1, "remaining": 1})
        );
        world
            .get("/v1/events?error_class=invalid_json")
            .await
            .is_problem(StatusCode::BAD_REQUEST, "INVALID_PARAMETER");
    }
}
