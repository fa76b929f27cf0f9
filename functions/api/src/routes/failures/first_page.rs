//! Tests: the first page of failures reads few rows, whatever its filters match.

use std::sync::Arc;

use serde_json::Value;
use weir_http::{Access, HttpLimits, ReadConnection};

use super::{filter::FailureFilter, list::query};
use crate::{
    ApiState, DatabaseHealth,
    json::JsonText,
    list::{Query, Value as Param},
    query::Params,
    testing::{ApiWorld, VERSION, writer},
};

/// The number of failures.
const FAILURES: i64 = 30_000;

/// The most rows that a node of the plan may read. There are 14 pairs of partition and class, and
/// the page has 21 rows.
const ROWS_MAX: f64 = 700.0;

/// Fills the table: a common and a rare topic, four partitions, a common and a rare class, type,
/// version and entity. What is rare is oldest.
const FILL: &str = "INSERT INTO streams (topic, group_id, epoch) VALUES ('common', 'weir', 0), ('rare', 'weir', 0);
    INSERT INTO failures (stream, partition, \"offset\", timestamp_ms, event_time, checksum, error_class, error_message, entity_id, event_type, event_version)
    SELECT s.id, CASE WHEN n < 50 THEN 9 ELSE n % 4 END, n, 0, '2026-01-01'::timestamptz + n * interval '1 second', '\\x00',
        CASE WHEN n % 1000 < 2 AND n < 9000 THEN 'bad_frame' WHEN s.topic = 'common' THEN 'invalid_json' ELSE 'too_long' END, '',
        CASE WHEN n < 60 THEN 'rare' ELSE 'common' END, CASE WHEN n < 70 THEN 'rare' ELSE 'common' END, CASE WHEN n < 80 THEN 'rare' ELSE 'common' END
    FROM generate_series(0, $1::bigint - 1) AS n JOIN streams s ON s.topic = CASE WHEN n % 2000 = 7 AND n < 20000 THEN 'rare' ELSE 'common' END";

async fn filled() -> (ApiWorld, ApiState) {
    let world = ApiWorld::new().await;
    let client = world.client().await;
    let fill = FILL.replace("$1::bigint", &FAILURES.to_string());
    client.batch_execute(&fill).await.expect("filled");
    client
        .batch_execute("ANALYZE failures; ANALYZE failure_counts; ANALYZE streams")
        .await
        .expect("analyzed");
    let reader = ReadConnection::new(world.store());
    let health = Arc::new(DatabaseHealth(reader.clone()));
    let writer = writer(world.store(), "weir");
    let state = ApiState::new(writer, reader, Access::Open, HttpLimits::default(), health, VERSION);
    (world, state)
}

/// Returns the most rows that a node of the plan returned or dropped.
fn rows_of(plan: &Value) -> f64 {
    let number = |name: &str| plan[name].as_f64().unwrap_or_default();
    let own = (number("Actual Rows")
        + number("Rows Removed by Filter")
        + number("Rows Removed by Index Recheck"))
        * number("Actual Loops");
    plan["Plans"].as_array().into_iter().flatten().map(rows_of).fold(own, f64::max)
}

/// Returns the rows of the plan of a page, and the plan.
async fn explain(
    client: &tokio_postgres::Client,
    query: &Query,
    after: Option<&[Param]>,
) -> (f64, String) {
    let (limit, offset) = (Param::Int8(21), Param::Int8(0));
    let sql = ["EXPLAIN (ANALYZE, FORMAT JSON) ", query.sql].concat();
    let rows =
        client.query_typed(&sql, &query.params(&limit, &offset, after)).await.expect("a plan");
    let plan: JsonText<'_> = rows[0].try_get(0).expect("JSON");
    let parsed: Value = serde_json::from_str(plan.0).expect("JSON");
    (rows_of(&parsed[0]["Plan"]), plan.0.to_owned())
}

async fn filter(state: &ApiState, text: &str) -> FailureFilter {
    let uri = format!("/x?{text}").parse().expect("a URI");
    let mut params = Params::of(&uri);
    let filter = FailureFilter::take(state, &mut params).await.expect("filters");
    params.done().expect("only filters");
    filter
}

/// Returns the ids of a first page, sorted by a scan of the whole table.
async fn sorted(client: &tokio_postgres::Client, condition: &str) -> Vec<(i64, i32)> {
    let sql = format!(
        "SELECT f.\"offset\", f.partition FROM failures f JOIN streams s ON s.id = f.stream WHERE {condition}
         ORDER BY f.event_time DESC, f.created_at DESC, f.stream DESC, f.partition DESC, f.\"offset\" DESC LIMIT 21"
    );
    let rows = client.query(&sql, &[]).await.expect("rows");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn no_filter_makes_the_first_page_scan() {
    let (world, state) = filled().await;
    let client = world.client().await;
    let choices: [(&str, &str, &[&str]); 7] = [
        ("topic", "s.topic =", &["common", "rare", "absent"]),
        ("partition", "f.partition =", &["1", "9", "7"]),
        ("error_class", "f.error_class =", &["invalid_json", "bad_frame", "too_long", "decoder"]),
        ("entity_id", "f.entity_id =", &["common", "rare", "absent"]),
        ("event_type", "f.event_type =", &["common", "rare", "absent"]),
        ("event_version", "f.event_version =", &["common", "rare", "absent"]),
        ("from", "f.event_time >=", &["2026-01-01T08:00:00Z", "2027-01-01T00:00:00Z"]),
    ];
    // One, two and three filters at a time; the last one may be the end of the time.
    let mut filters = vec![Vec::new()];
    for (n, (name, condition, values)) in choices.iter().enumerate() {
        for before in filters.clone() {
            if before.len() < 3 && (before.len() < 2 || n % 2 == 0) {
                for value in *values {
                    let mut all = before.clone();
                    all.push((format!("{name}={value}"), format!("{condition} '{value}'")));
                    filters.push(all);
                }
            }
        }
    }
    let early =
        ("to=2026-01-01T00:20:00Z".to_owned(), "f.event_time < '2026-01-01T00:20:00Z'".to_owned());
    let early = filters.iter().filter(|all| all.len() < 2).cloned().map(|mut all| {
        all.push(early.clone());
        all
    });
    let early: Vec<_> = early.collect();
    filters.extend(early);
    assert!(filters.len() > 300, "{}", filters.len());
    for all in &filters {
        let (texts, conditions): (Vec<String>, Vec<String>) = all.iter().cloned().unzip();
        let text = texts.join("&");
        let page = query(&state, filter(&state, &text).await).await.expect("a query");
        let (rows, plan) = explain(&client, &page, None).await;
        assert!(rows <= ROWS_MAX, "{text}: {rows} rows: {plan}");
        let condition = [vec!["true".to_owned()], conditions].concat().join(" AND ");
        let listed = world.get(&format!("/v1/failures?limit=21&{text}")).await.json();
        let listed: Vec<(i64, i64)> = listed
            .as_array()
            .expect("a list")
            .iter()
            .map(|f| (f["offset"].as_i64().expect("one"), f["partition"].as_i64().expect("one")))
            .collect();
        let wanted: Vec<(i64, i64)> = sorted(&client, &condition)
            .await
            .into_iter()
            .map(|(offset, partition)| (offset, partition.into()))
            .collect();
        assert_eq!(listed, wanted, "{text}");
    }
}

#[tokio::test]
async fn a_later_page_reads_as_few_rows() {
    let (world, state) = filled().await;
    let client = world.client().await;
    let at = weir_model::Micros::from_rfc3339("2026-01-01T04:00:00Z").expect("a time");
    let after =
        [Param::Instant(at), Param::Instant(at), Param::Int4(1), Param::Int4(1), Param::Int8(1)];
    for text in [
        "",
        "topic=common",
        "error_class=invalid_json&partition=2",
        "entity_id=common",
        "event_type=common&topic=common",
    ] {
        let page = query(&state, filter(&state, text).await).await.expect("a query");
        let (rows, plan) = explain(&client, &page, Some(&after)).await;
        assert!(
            rows <= ROWS_MAX && plan.contains("\"Actual Rows\": 21"),
            "{text}: {rows} rows: {plan}"
        );
    }
}
