//! The lists of events, compared with plain SQL for many combinations of filters.

use serde_json::Value;
use weir_store::log;

use super::{Answer, ApiWorld};

/// Fills the log: three topics in two groups, 170 types of which one has most events, several
/// months of arrival, equal times, no times, clocks ahead, skipped records, and types without a
/// number.
const FILL: &str = "
    INSERT INTO streams (topic, group_id, epoch) VALUES ('orders', 'weir', 0), ('orders', 'other', 0), ('carts', 'weir', 0), ('rare', 'weir', 0);
    SELECT make_event_month(now() - make_interval(months => m)) FROM generate_series(0, 3) AS m;
    INSERT INTO restored_rows (stream, partition, \"offset\", arrived_at, timestamp_ms, event_time, checksum, outcome, reason, entity_id,
        event_type, event_version, payload, problems)
    SELECT CASE WHEN n % 500 = 3 THEN 4 ELSE 1 + n % 3 END, n % 5, n, date_trunc('hour', now()) - (3000 - n / 300 * 300) * interval '40 minutes' + n % 300 * interval '2 seconds', n,
        CASE WHEN n % 13 = 0 THEN NULL WHEN n % 17 = 0 THEN now() + n % 7 * interval '300 days'
            ELSE date_trunc('day', now() - (3000 - n / 300 * 300) * interval '40 minutes') + n / 7 % 3 * interval '10 minutes' END,
        decode(md5(n::text), 'hex'), CASE WHEN n % 11 = 0 THEN 'skipped' ELSE 'event' END, CASE WHEN n % 11 = 0 THEN 'unknown' END,
        CASE WHEN n % 11 > 0 THEN CASE WHEN n % 3 = 0 THEN 'often' ELSE 'e' || n % 40 END END,
        CASE WHEN n % 11 > 0 THEN CASE WHEN n % 4 = 0 THEN 'seldom' || n % 160 WHEN n % 29 > 0 THEN 'usual' END END,
        CASE WHEN n % 11 > 0 AND n % 5 > 0 THEN (n % 2)::text END, '{}', CASE WHEN n % 37 = 0 THEN 'odd' END
    FROM generate_series(0, 2999) AS n;";

/// Types that were stored before they had a number.
const WITHOUT_NUMBER: &str = "
    UPDATE event_records e SET type_id = NULL, event_type = t.event_type, event_version = t.event_version
    FROM event_types t WHERE t.id = e.type_id AND e.\"offset\" % 7 = 0;
    DELETE FROM event_types t WHERE NOT EXISTS (SELECT FROM event_records e WHERE e.type_id = t.id);";

/// Packs all narrow rows that can be packed.
const PACK: &str = "
    SELECT count(*) FROM (
        SELECT DISTINCT e.stream, e.partition, date_trunc('hour', e.arrived_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS hour FROM event_records e
    ) AS h
    CROSS JOIN LATERAL pack_events(h.stream, h.partition, h.hour, -1, 1000) AS p";

/// A filter of the list, with the same condition in SQL.
const FILTERS: [&[(&str, &str)]; 8] = [
    &[
        ("", "true"),
        ("topic=orders", "topic = 'orders'"),
        ("topic=rare", "topic = 'rare'"),
        ("topic=none", "false"),
    ],
    &[
        ("", "true"),
        ("group_id=weir", "group_id = 'weir'"),
        ("group_id=other", "group_id = 'other'"),
    ],
    &[("", "true"), ("partition=2", "partition = 2"), ("partition=9", "false")],
    &[
        ("", "true"),
        ("entity_id=often", "entity_id = 'often'"),
        ("entity_id=e7", "entity_id = 'e7'"),
    ],
    &[
        ("", "true"),
        ("event_type=usual", "event_type = 'usual'"),
        ("event_type=seldom8", "event_type = 'seldom8'"),
    ],
    &[("", "true"), ("event_version=1", "event_version = '1'")],
    &[
        ("", "outcome = 'event'"),
        ("outcome=any", "true"),
        ("outcome=skipped", "outcome = 'skipped'"),
        ("problems=any", "outcome = 'event' AND problems IS NOT NULL"),
    ],
    &[
        ("", "true"),
        ("from={month}", "event_time >= '{month}'"),
        ("to={month}", "event_time < '{month}'"),
        ("from={day}&to={month}", "event_time >= '{day}' AND event_time < '{month}'"),
    ],
];

const ORDER: &str = "ORDER BY coalesce(event_time, '-infinity') DESC, arrived_at DESC, stream DESC, partition DESC, \"offset\" DESC";

fn offsets(answer: &Answer) -> Vec<i64> {
    let list = answer.json();
    let list = list.as_array().unwrap_or_else(|| panic!("{list}"));
    list.iter().map(|event| event["offset"].as_i64().expect("an offset")).collect()
}

#[tokio::test]
async fn every_filter_finds_what_plain_sql_finds() {
    compare_all(None).await;
}

#[tokio::test]
async fn every_filter_finds_what_plain_sql_finds_in_packed_rows() {
    compare_all(Some(PACK)).await;
}

async fn compare_all(pack: Option<&str>) {
    let world = ApiWorld::new().await;
    let sql = world.client().await;
    for statement in
        ["BEGIN", log::BEGIN_RESTORE, FILL, log::END_RESTORE, WITHOUT_NUMBER, "COMMIT", "ANALYZE"]
    {
        sql.batch_execute(statement).await.expect(statement);
    }
    if let Some(pack) = pack {
        let all = "SELECT e::text FROM events e ORDER BY 1";
        let rows = async || -> Vec<String> {
            sql.query(all, &[]).await.expect("rows").iter().map(|row| row.get(0)).collect()
        };
        let before = rows().await;
        sql.batch_execute(&format!("{pack}; ANALYZE")).await.expect(pack);
        let packed = "SELECT sum(records)::bigint FROM packed_events";
        let packed: i64 = sql.query_one(packed, &[]).await.expect("a number").get(0);
        assert!(packed > 500, "{packed}");
        assert_eq!(rows().await, before);
    }
    let instant = async |days: i32| -> String {
        let text = "SELECT to_char(date_trunc('day', now() - $1 * interval '1 day') AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')";
        sql.query_one(text, &[&f64::from(days)]).await.expect("an instant").get(0)
    };
    let (month, day) = (instant(30).await, instant(60).await);
    let timed = |text: &str| text.replace("{month}", &month).replace("{day}", &day);

    // Every filter alone, every pair of filters, and every hundredth of all combinations.
    let (mut tried, mut choice) = (0, [0; FILTERS.len()]);
    loop {
        let given = choice.iter().filter(|at| **at > 0).count();
        let number = choice.iter().zip(FILTERS).fold(0, |n, (at, of)| n * of.len() + at);
        if given <= 2 || number % 100 == 0 {
            compare(&world, &sql, &choice, &timed, given <= 1).await;
            tried += 1;
        }
        let Some(next) = (0..FILTERS.len()).rev().find(|n| choice[*n] + 1 < FILTERS[*n].len())
        else {
            break;
        };
        choice[next] += 1;
        choice[next + 1..].fill(0);
    }
    assert!(tried > 200, "{tried}");
}

async fn compare(
    world: &ApiWorld,
    sql: &tokio_postgres::Client,
    choice: &[usize],
    timed: &impl Fn(&str) -> String,
    to_the_end: bool,
) {
    let chosen: Vec<_> = choice.iter().zip(FILTERS).map(|(at, of)| of[*at]).collect();
    let query: Vec<String> =
        chosen.iter().map(|(query, _)| timed(query)).filter(|q| !q.is_empty()).collect();
    let query = query.join("&");
    let conditions: Vec<String> = chosen.iter().map(|(_, condition)| timed(condition)).collect();
    let wanted = format!(
        "SELECT e.\"offset\" FROM events e JOIN streams s ON s.id = e.stream WHERE {} {ORDER}",
        conditions.join(" AND ")
    );
    let wanted: Vec<i64> =
        sql.query(&wanted, &[]).await.expect("rows").iter().map(|row| row.get(0)).collect();

    let ndjson = world.get_as(&format!("/v1/events?{query}"), "application/x-ndjson").await;
    let lines = ndjson.text();
    let streamed: Vec<i64> = lines
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).expect("JSON")["offset"]
                .as_i64()
                .expect("an offset")
        })
        .collect();
    assert_eq!(streamed, wanted, "the whole list: {query}");

    let skipped = world.get(&format!("/v1/events?{query}&limit=3&offset=4")).await;
    assert_eq!(
        offsets(&skipped),
        wanted.iter().copied().skip(4).take(3).collect::<Vec<_>>(),
        "{query}"
    );
    // Pages by cursor, to the end or the first ones.
    let limit = if to_the_end { 90 } else { 17 };
    let (mut next, mut seen) = (Some(format!("/v1/events?{query}&limit={limit}")), Vec::new());
    while let Some(page) = next.take().filter(|_| to_the_end || seen.len() < 60) {
        let answer = world.get(&page).await;
        seen.extend(offsets(&answer));
        next = answer.headers.get("link").map(|link| {
            let link = link.to_str().expect("text");
            link[1..link.find('>').expect("a link")].to_owned()
        });
    }
    if to_the_end {
        assert_eq!(seen, wanted, "{query}");
    } else {
        assert!(wanted.starts_with(&seen), "{query}");
        assert!(
            seen.len() == wanted.len() || seen.len() >= 60,
            "{query}: {} of {}",
            seen.len(),
            wanted.len()
        );
    }
}
