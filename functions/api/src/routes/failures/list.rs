//! `GET /v1/failures`: the failures, the newest first, without discarded ones.

use axum::{extract::State, response::Response};
use tokio_postgres::types::Type;

use super::{
    body::{FailureBody, Failures},
    filter::{FailureFilter, ListIndex},
};
use crate::{
    ApiError, ApiState,
    list::{ListRequest, Query, Value, first_page},
    openapi::{ClassParams, FilterParams, PageParams},
    query::LIMIT_DEFAULT,
    routes::events::{KEY, key},
};

/// Returns a page of failures.
#[utoipa::path(
    get, path = "/v1/failures", security(("key" = ["read"])),
    operation_id = "failures_list", tag = "failures",
    params(FilterParams, ClassParams, PageParams),
    responses((status = 200, description = "Failures, newest first.", body = Vec<FailureBody>)),
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    mut asked: ListRequest,
) -> Result<Response, ApiError> {
    let filter = FailureFilter::take(&state, &mut asked.params).await?;
    let query = query(&state, filter).await?;
    asked
        .answer(&state, query, key, async |rows| Ok(Failures::new(state.streams(rows).await?)))
        .await
}

/// Returns the newest `limit` failures that pass the filter, as a JSON array.
pub async fn list_failures(
    state: &ApiState,
    filter: FailureFilter,
    limit: i64,
) -> Result<Vec<u8>, ApiError> {
    first_page(state, &query(state, filter).await?, limit, async |rows| {
        Ok(Failures::new(state.streams(rows).await?))
    })
    .await
}

/// Returns the statement of the list, with the index that fits its filters.
pub(super) async fn query(state: &ApiState, filter: FailureFilter) -> Result<Query, ApiError> {
    let index = filter.index(state).await?;
    let sql = match index {
        ListIndex::Class => include_str!("by_class.sql"),
        _ => include_str!("list.sql"),
    };
    let text = match index {
        ListIndex::Entity => Value::Text("entity".to_owned()),
        ListIndex::Type => Value::Text("type".to_owned()),
        ListIndex::Version => Value::Text("version".to_owned()),
        ListIndex::Newest | ListIndex::Class => Value::Null,
    };
    let mut filters = filter.values();
    filters.push((text, Type::TEXT));
    Ok(Query {
        name: "failures",
        sql,
        filters,
        pages: Vec::new(),
        merged: None,
        archive: None,
        key: KEY.to_vec(),
        limit_default: Some(LIMIT_DEFAULT),
        // A person looks here after a retry.
        may_lag: false,
    })
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::{Value, json};
    use weir_testkit::{Field, Record};

    use crate::testing::ApiWorld;

    fn bad(offset: i64, value: impl Into<Field>) -> Record {
        Record {
            topic: "readings".into(),
            offset,
            key: "speed".into(),
            value: value.into(),
            ..Record::default()
        }
    }

    #[tokio::test]
    async fn a_failure_is_shown_with_its_bytes_and_the_reason() {
        let world = ApiWorld::new().await;
        let header =
            |name: &str, value: Option<&[u8]>| (name.to_owned(), value.map(<[u8]>::to_vec));
        let headers = vec![
            header("trace", Some(b"t-1")),
            header("raw", Some(b"\xff")),
            header("twice", Some(b"1")),
            header("twice", Some(b"2")),
            header("retry_count", Some(b"9")),
        ];
        let value = r#"{"sensor":"speed","value":"fast"}"#;
        world.deliver([Record { headers: Some(headers), ..bad(3, value) }]).await;
        let answer = world.get("/v1/failures").await;
        let failure = &answer.json()[0];
        let names = [
            "id",
            "topic",
            "partition",
            "offset",
            "group_id",
            "entity_id",
            "event_time",
            "event_type",
            "event_version",
            "checksum",
            "payload",
            "created_at",
            "metadata",
            "model",
            "error_class",
            "error_message",
            "error_backtrace",
            "attempts",
            "key",
            "value",
        ];
        let mut at = 0;
        for name in names {
            let found = answer.text()[at..].find(&format!("\"{name}\":"));
            at += found.unwrap_or_else(|| panic!("{name} is not in its place: {}", answer.text()));
        }
        assert_eq!(failure.as_object().map(serde_json::Map::len), Some(names.len()));
        assert_eq!(failure["id"], "readings-0-3");
        assert_eq!(failure["payload"], json!({"sensor": "speed", "value": "fast"}));
        assert_eq!((&failure["key"], &failure["value"]), (&"speed".into(), &value.into()));
        assert_eq!(
            failure["metadata"],
            json!({"trace": "t-1", "raw": "/w==", "twice": ["1", "2"], "retry_count": 0})
        );
        assert_eq!((&failure["attempts"], &failure["error_backtrace"]), (&1.into(), &json!([])));
        assert_eq!(
            (&failure["model"], &failure["error_class"]),
            (&"readings".into(), &"invalid_reading".into())
        );
        assert!(failure["error_message"].as_str().is_some_and(|m| !m.is_empty()));
    }

    #[tokio::test]
    async fn bytes_that_are_no_text_are_base64_and_say_so() {
        let world = ApiWorld::new().await;
        let binary = Record { key: b"\xfe\xff".into(), ..bad(0, b"\xff\x00\x01") };
        world
            .deliver([
                binary,
                bad(1, "{"),
                Record { key: Field::Absent, ..bad(2, Field::Text("no base64!".into())) },
            ])
            .await;
        let list = world.get("/v1/failures?topic=readings&limit=3").await.json();
        let by_offset = |offset: i64| {
            list.as_array()
                .and_then(|l| l.iter().find(|f| f["offset"] == offset))
                .cloned()
                .expect("is there")
        };
        let binary = by_offset(0);
        assert_eq!(
            (&binary["key"], &binary["value"], &binary["payload"]),
            (&"/v8=".into(), &"/wAB".into(), &Value::Null)
        );
        assert_eq!(
            (&binary["key_encoding"], &binary["value_encoding"]),
            (&"base64".into(), &"base64".into())
        );
        let cut = by_offset(1);
        assert_eq!((&cut["value"], &cut["payload"]), (&"{".into(), &Value::Null));
        let odd = by_offset(2);
        assert_eq!(
            (&odd["key"], &odd["value"], &odd["error_class"]),
            (&Value::Null, &"no base64!".into(), &"bad_base64".into())
        );
    }

    #[tokio::test]
    async fn discarded_ones_are_hidden_and_filters_combine() {
        let world = ApiWorld::new().await;
        world.deliver([bad(0, "{"), bad(1, "{"), bad(2, "{")]).await;
        world.deliver([Record { topic: "unbound".into(), ..bad(0, "{}") }]).await;
        world
            .client()
            .await
            .batch_execute(
                "UPDATE failures SET discarded_at = now(), value = NULL WHERE \"offset\" = 1",
            )
            .await
            .expect("discarded");
        let ids = async |query: &str| {
            let list = world.get(&format!("/v1/failures?{query}")).await.json();
            list.as_array()
                .expect("an array")
                .iter()
                .map(|f| f["id"].as_str().expect("an id").to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(ids("").await, ["unbound-0-0", "readings-0-2", "readings-0-0"]);
        assert_eq!(ids("topic=readings&limit=1&offset=1").await, ["readings-0-0"]);
        assert_eq!(ids("topic=readings&group_id=others").await, Vec::<String>::new());
        world
            .get("/v1/failures?outcome=any")
            .await
            .is_problem(StatusCode::BAD_REQUEST, "INVALID_PARAMETER");
    }
}
