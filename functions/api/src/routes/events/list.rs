//! `GET /v1/events`: the log, the newest event first.

use axum::{extract::State, response::Response};
use tokio_postgres::types::Type;
use weir_store::log;

use super::body::{EventBody, Events, KEY, key};
use crate::{
    ApiError, ApiState,
    list::{ListRequest, PageStatement, Query, Value},
    openapi::{FilterParams, OutcomeParams, PageParams},
    query::{LIMIT_DEFAULT, Params},
    routes::record_filter::RecordFilter,
};

/// The places of some filters.
const PARTITION: usize = 2;
const ENTITY: usize = 3;
const OUTCOME: usize = 8;
const PROBLEMS: usize = 9;

/// Returns a page of events.
///
/// The list contains skipped records only if `outcome` asks for them.
#[utoipa::path(
    get, path = "/v1/events", security(("key" = ["read"])),
    operation_id = "events_list", tag = "events",
    params(FilterParams, OutcomeParams, PageParams),
    responses((status = 200, description = "Events of the log, newest first.", body = Vec<EventBody>)),
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    mut asked: ListRequest,
) -> Result<Response, ApiError> {
    let filter = RecordFilter::take(&mut asked.params)?;
    answer(&state, asked, "events", filter).await
}

/// Takes the parameters `outcome` and `problems`. The outcome is `event` when it is not given, and
/// null for `any`. `problems` selects only events with findings.
fn take_outcome(params: &mut Params) -> Result<[(Value, Type); 2], ApiError> {
    let outcome = match params.word("outcome", &["event", "skipped", "any"])?.unwrap_or("event") {
        "any" => Value::Null,
        outcome => Value::Text(outcome.to_owned()),
    };
    let problems = params.word("problems", &["any"])?.map_or(Value::Null, |_| Value::Bool(true));
    Ok([(outcome, Type::TEXT), (problems, Type::BOOL)])
}

/// Answers with the events that pass the filter and have the requested outcome.
pub(crate) async fn answer(
    state: &ApiState,
    mut asked: ListRequest,
    name: &'static str,
    filter: RecordFilter,
) -> Result<Response, ApiError> {
    let outcome = take_outcome(&mut asked.params)?;
    let wanted = match &outcome[0].0 {
        Value::Text(outcome) => Some(outcome.as_str()),
        _ => None,
    };
    let archive = Some(filter.of_archive(wanted, outcome[1].0 != Value::Null));
    let filters: Vec<_> = filter.values().into_iter().chain(outcome).collect();
    // A filter that is not given is null, and the outcome has a default.
    let is_given = |(n, (value, _)): &(usize, &(Value, Type))| {
        *value != if *n == OUTCOME { Value::Text("event".to_owned()) } else { Value::Null }
    };
    let given: Vec<usize> = filters.iter().enumerate().filter(is_given).map(|(n, _)| n).collect();
    let mut pages = Vec::new();
    if given.is_empty() {
        pages.push(PageStatement::UnfilteredNear(log::NEWEST_NARROW_EVENTS));
        pages.push(PageStatement::UnfilteredNear(log::NEWEST_EVENTS));
    }
    if given == [ENTITY] {
        pages.push(PageStatement::OneFilter(log::NARROW_EVENTS_OF_ENTITY, ENTITY));
        pages.push(PageStatement::OneFilter(log::EVENTS_OF_ENTITY, ENTITY));
    }
    // All other filters select types, and an index has the events of each type in their order.
    let by_types = !given.iter().any(|n| [PARTITION, ENTITY, PROBLEMS].contains(n));
    pages.push(if by_types {
        PageStatement::Exact(log::PAGE_EVENTS)
    } else {
        PageStatement::Near(log::NEAR_EVENTS)
    });
    let query = Query {
        name,
        sql: log::EVENTS,
        filters,
        pages,
        merged: by_types.then_some(log::MERGED_EVENTS),
        archive,
        key: KEY.to_vec(),
        limit_default: Some(LIMIT_DEFAULT),
        may_lag: true,
    };
    asked.answer(state, query, key, async |rows| Ok(Events::new(state.streams(rows).await?))).await
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::{Value, json};
    use weir_testkit::{Field, Record};

    use crate::testing::ApiWorld;

    fn order(offset: i64, value: &str) -> Record {
        Record { topic: "orders".into(), offset, value: value.into(), ..Record::default() }
    }

    fn ids(list: &Value) -> Vec<&str> {
        list.as_array()
            .expect("an array")
            .iter()
            .map(|event| event["id"].as_str().expect("an id"))
            .collect()
    }

    #[tokio::test]
    async fn an_event_is_shown_to_the_letter() {
        let world = ApiWorld::new().await;
        let value =
            r#"{"id":"o-1",  "at":"2016-09-19T19:35:26.854321Z","kind":"created","v":3,"n":1.50}"#;
        world.deliver([order(42, value)]).await;
        let answer = world.get("/v1/events").await;
        assert_eq!(answer.headers["content-type"], "application/json");
        let event = &answer.json()[0];
        let (checksum, created_at) =
            (event["checksum"].as_str().unwrap(), event["created_at"].as_str().unwrap());
        assert_eq!((checksum.len(), created_at.len()), (32, "2016-09-19T19:35:26.854Z".len()));
        let expected = format!(
            r#"[{{"id":"orders-0-42","topic":"orders","partition":0,"offset":42,"group_id":"weir","entity_id":"o-1","event_time":"2016-09-19T19:35:26.854Z","event_type":"created","event_version":"3","checksum":"{checksum}","payload":{value},"created_at":"{created_at}"}}]"#
        );
        assert_eq!(answer.text(), expected);
    }

    #[tokio::test]
    async fn honest_json_that_the_column_refuses_is_shown_alike() {
        let world = ApiWorld::new().await;
        let deep = ["[".repeat(5000), "]".repeat(5000)].concat();
        let odd = [r#"{"a":"\u0000"}"#, r#"["\ud800"]"#, "1e200000", &deep];
        let framed: &[u8] = b"\0\0\0\0\x07{\"id\":\"f\",\"a\":\"\\u0000\"}";
        let records = (0_i64..).zip(odd).map(|(n, json)| order(n, json));
        world.deliver(records.chain([Record { value: framed.into(), ..order(4, "") }])).await;
        let kept = world
            .client()
            .await
            .query("SELECT FROM events WHERE payload IS NULL AND raw IS NOT NULL", &[])
            .await
            .expect("read");
        assert_eq!(kept.len(), 5);
        let answer = world.get("/v1/events").await;
        for json in odd {
            assert!(
                answer.text().contains(&format!(r#""payload":{json},"created_at""#)),
                "{}",
                &json[..json.len().min(30)]
            );
        }
        assert!(answer.text().contains(r#""payload":{"id":"f","a":"\u0000"},"#));
    }

    #[tokio::test]
    async fn newest_first_nulls_last_and_a_stable_end() {
        let world = ApiWorld::new().await;
        let at = |offset, time: &str| order(offset, &json!({"at": time}).to_string());
        // An order without a time, with a record timestamp beyond the year 9999. Its time is null.
        let timeless = Record { timestamp: i64::MAX, ..order(9, "{}") };
        world.deliver([timeless]).await;
        world.deliver([at(1, "2020-01-01T00:00:00Z"), at(2, "2022-01-01T00:00:00Z")]).await;
        world
            .deliver([
                at(3, "2021-01-01T00:00:00Z"),
                at(4, "2020-01-01T00:00:00Z"),
                at(5, "2020-01-01T00:00:00Z"),
            ])
            .await;
        let all =
            ["orders-0-2", "orders-0-3", "orders-0-5", "orders-0-4", "orders-0-1", "orders-0-9"];
        assert_eq!(ids(&world.get("/v1/events").await.json()), all);
        for (n, id) in all.iter().enumerate() {
            assert_eq!(
                ids(&world.get(&format!("/v1/events?limit=1&offset={n}")).await.json()),
                [*id]
            );
        }
        assert_eq!(world.get("/v1/events?offset=6").await.text(), "[]");
    }

    #[tokio::test]
    async fn twenty_unless_more_are_asked_for() {
        let world = ApiWorld::new().await;
        world.deliver((0..30).map(|n| order(n, "{}"))).await;
        for (query, count) in
            [("", 20), ("?limit=1000", 30), ("?limit=7", 7), ("?limit=20&offset=25", 5)]
        {
            assert_eq!(
                world.get(&format!("/v1/events{query}")).await.json().as_array().map(Vec::len),
                Some(count),
                "{query}"
            );
        }
    }

    #[tokio::test]
    async fn filters_match_exactly_and_combine() {
        let world = ApiWorld::new().await;
        let event = |offset, id: &str, kind: &str, year: u16| {
            order(offset, &json!({"id": id, "kind": kind, "at": format!("{year}-01-01T00:00:00Z"), "v": offset % 2}).to_string())
        };
        world
            .deliver([
                event(0, "a", "made", 2020),
                event(1, "a", "sold", 2021),
                event(2, "b", "made", 2022),
            ])
            .await;
        world.deliver([Record { partition: 3, ..event(0, "a", "made", 2023) }]).await;
        world.deliver_as("others", [event(0, "a", "made", 2024)]).await;
        world.sample_builds().await;
        for (query, expected) in [
            (
                "topic=orders&group_id=weir",
                vec!["orders-3-0", "orders-0-2", "orders-0-1", "orders-0-0"],
            ),
            (
                "topic=orders&entity_id=a&event_type=made&group_id=weir",
                vec!["orders-3-0", "orders-0-0"],
            ),
            ("topic=orders&partition=0&event_version=1", vec!["orders-0-1"]),
            (
                "topic=orders&group_id=weir&from=2021-01-01T00:00:00Z&to=2023-01-01T00:00:00Z",
                vec!["orders-0-2", "orders-0-1"],
            ),
            ("topic=order", vec![]),
            ("topic=", vec![]),
            ("entity_id=A", vec![]),
            ("group_id=nobody", vec![]),
        ] {
            assert_eq!(
                ids(&world.get(&format!("/v1/events?{query}")).await.json()),
                expected,
                "{query}"
            );
        }
        assert_eq!(
            world
                .get("/v1/events?topic=build_events&event_type=started")
                .await
                .json()
                .as_array()
                .map(Vec::len),
            Some(3)
        );
    }

    #[tokio::test]
    async fn another_stream_of_a_topic_shows_in_the_id() {
        let world = ApiWorld::new().await;
        world.deliver([order(7, "{}")]).await;
        world.deliver_as("others", [order(7, "{}")]).await;
        let list = world.get("/v1/events?group_id=others").await.json();
        let id = list[0]["id"].as_str().expect("an id");
        assert!(id.starts_with("orders-0-7~"), "{id}");
        assert_eq!(ids(&world.get("/v1/events?group_id=weir").await.json()), ["orders-0-7"]);
    }

    #[tokio::test]
    async fn what_was_skipped_is_shown_on_request() {
        let world = ApiWorld::new().await;
        let skipped = Record { value: Field::Null, ..order(1, "") };
        world.deliver([order(0, "{}"), skipped]).await;
        assert_eq!(ids(&world.get("/v1/events").await.json()), ["orders-0-0"]);
        assert_eq!(
            ids(&world.get("/v1/events?outcome=any").await.json()),
            ["orders-0-1", "orders-0-0"]
        );
        let list = world.get("/v1/events?outcome=skipped").await.json();
        assert_eq!(ids(&list), ["orders-0-1"]);
        assert_eq!(
            (&list[0]["outcome"], &list[0]["reason"]),
            (&"skipped".into(), &"the value is null".into())
        );
        assert_eq!(list[0]["payload"], Value::Null);
    }

    #[tokio::test]
    async fn what_is_not_as_it_should_be_is_shown_and_can_be_asked_for() {
        let world = ApiWorld::new().await;
        let at = |offset, at: Value| order(offset, &json!({"id": "a", "at": at}).to_string());
        // -1 is Kafka's number for no timestamp, not an instant of 1969.
        let timeless = Record { timestamp: -1, ..order(5, "{}") };
        world
            .deliver([
                at(0, "2020-01-01T00:00:00Z".into()),
                at(1, "2020-01-02T00:00:00".into()),
                at(2, "yesterday".into()),
                at(3, 1_577_836_801.into()),
                at(4, "9999-12-31T23:59:59.999999Z".into()),
                timeless,
            ])
            .await;
        let list = world.get("/v1/events?problems=any").await.json();
        assert_eq!(ids(&list), ["orders-0-2", "orders-0-1"]);
        assert_eq!(
            list[0]["problems"],
            "event_time at /at is not a time: \"yesterday\", the record's timestamp is used"
        );
        assert_eq!(
            (&list[1]["problems"], &list[1]["event_time"]),
            (
                &"event_time has no time zone, UTC is assumed".into(),
                &"2020-01-02T00:00:00.000Z".into()
            )
        );
        assert_eq!(
            ids(&world.get("/v1/events?problems=any&entity_id=b").await.json()),
            Vec::<&str>::new()
        );
        assert_eq!(
            world.get("/v1/events/orders-0-1").await.json()["problems"],
            "event_time has no time zone, UTC is assumed"
        );
        let all = world.get("/v1/events?limit=10").await.json();
        let by_offset = |offset: i64| {
            all.as_array().and_then(|l| l.iter().find(|e| e["offset"] == offset)).expect("is there")
        };
        assert_eq!(
            (by_offset(0).get("problems"), &by_offset(3)["event_time"]),
            (None, &"2020-01-01T00:00:01.000Z".into())
        );
        assert_eq!(
            (&by_offset(4)["event_time"], &by_offset(5)["event_time"]),
            (&"9999-12-31T23:59:59.999Z".into(), &Value::Null)
        );
        let until = world
            .get("/v1/events?from=9999-12-31T23:00:00Z&to=9999-12-31T23:59:59.999999Z")
            .await
            .json();
        assert_eq!(ids(&until), Vec::<&str>::new());
        assert_eq!(
            ids(&world.get("/v1/events?from=9999-12-31T23:59:59.999999Z").await.json()),
            ["orders-0-4"]
        );
        let of_view = "SELECT string_agg(\"offset\"::text, ' ' ORDER BY \"offset\") FROM api.events WHERE problems IS NOT NULL OR event_time IS NULL";
        assert_eq!(
            world.client().await.query_one(of_view, &[]).await.expect("read").get::<_, String>(0),
            "1 2 5"
        );
    }

    #[tokio::test]
    async fn a_bad_query_is_told_which_parameter() {
        let world = ApiWorld::new().await;
        for (query, name) in [
            ("limit=1001", "limit"),
            ("limit=x", "limit"),
            ("offset=-1", "offset"),
            ("partition=2147483648", "partition"),
            ("outcome=none", "outcome"),
            ("problems=none", "problems"),
            ("from=2021", "from"),
            ("entity_id=%00", "entity_id"),
            ("topic=a&topic=b", "topic"),
            ("entityid=1", "entityid"),
        ] {
            let answer = world.get(&format!("/v1/events?{query}")).await;
            answer.is_problem(StatusCode::BAD_REQUEST, "INVALID_PARAMETER");
            let problem = answer.json();
            assert!(
                problem["detail"].as_str().is_some_and(|detail| detail.contains(name)),
                "{query} {problem}"
            );
            assert_eq!(
                (&problem["error"], &problem["message"]),
                (&true.into(), &problem["detail"])
            );
        }
    }

    #[tokio::test]
    async fn without_a_database_it_is_503() {
        let answer = ApiWorld::without_database().get("/v1/events").await;
        answer.is_problem(StatusCode::SERVICE_UNAVAILABLE, "DATABASE_UNAVAILABLE");
        assert_eq!(answer.json()["error"], true);
    }
}
