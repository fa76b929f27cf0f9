//! An odd record never affects its neighbours, and is kept byte for byte.

mod cases;

use anyhow::{Context, ensure};
use weir_store::StoreError;
use weir_testkit::{Field, Record};
use weir_tests::{World, batches::event, deliver};

use cases::{Becomes, Case, Kind};

const NEIGHBOURS: i64 = 500;

#[tokio::test]
async fn odd_orders_are_kept() -> anyhow::Result<()> {
    every_case(Kind::Orders).await
}

#[tokio::test]
async fn odd_build_events_are_kept() -> anyhow::Result<()> {
    every_case(Kind::Builds).await
}

#[tokio::test]
async fn odd_readings_are_kept() -> anyhow::Result<()> {
    every_case(Kind::Readings).await
}

/// Runs every case in two separate partitions: alone, and between other records.
async fn every_case(kind: Kind) -> anyhow::Result<()> {
    let world = World::new().await?;
    let mut wrong = Vec::new();
    for (n, case) in (0..).zip(cases::all()) {
        for (where_, partition, neighbours) in
            [("alone", 2 * n, 0), ("among 500", 2 * n + 1, NEIGHBOURS)]
        {
            if let Err(error) = one_case(&world, &case, kind, partition, neighbours).await {
                wrong.push(format!("{} ({where_}): {error:#}", case.name));
            }
        }
    }
    ensure!(wrong.is_empty(), "{kind:?}:\n{}", wrong.join("\n"));
    let rows = world
        .count("SELECT count(payload::jsonb) FROM events")
        .await
        .context("jsonb refuses a payload")?;
    ensure!(rows > NEIGHBOURS, "only {rows} payloads");
    Ok(())
}

async fn one_case(
    world: &World,
    case: &Case,
    kind: Kind,
    partition: i32,
    neighbours: i64,
) -> anyhow::Result<()> {
    let middle = neighbours / 2;
    let odd = case.record(kind, partition, middle);
    let good = (0..=neighbours)
        .filter(|offset| *offset != middle)
        .map(|offset| kind.good(partition, offset));
    let batch = event(good.chain([odd.clone()]));
    let report = world.deliver(batch.clone()).await?;
    check(world, &odd, case.becomes(kind)).await?;
    let stored = report.event_acknowledged
        - usize::from(matches!(case.becomes(kind), Becomes::Payload | Becomes::Raw));
    ensure!(i64::try_from(stored)? == neighbours, "{stored} neighbours are in the report");
    if let Some(table) = kind.table() {
        let event = i64::from(matches!(case.becomes(kind), Becomes::Payload | Becomes::Raw));
        let rows = world
            .count(&format!("SELECT count(*) FROM {table} WHERE partition = {partition}"))
            .await?;
        ensure!(rows == neighbours + event, "{rows} rows in {table}");
    }
    let again = world.deliver(batch).await.context("delivered again")?;
    ensure!(again.event_already_consumed == again.around_consume, "delivered again: {again:?}");
    check(world, &odd, case.becomes(kind)).await.context("delivered again")
}

/// Returns the record's bytes as they must be kept.
fn bytes(field: &Field) -> Option<Vec<u8>> {
    match field {
        Field::Absent | Field::Null => None,
        Field::Bytes(bytes) => Some(bytes.clone()),
        Field::Text(text) => Some(text.clone().into_bytes()),
    }
}

const FIND: &str = "
SELECT 'log' AS place, e.outcome, e.reason, e.payload IS NOT NULL, e.raw IS NOT NULL, coalesce(e.raw, convert_to(e.payload::text, 'UTF8')), e.key,
    e.headers::text, e.timestamp_ms, e.stream
FROM events e WHERE e.partition = $2 AND e.\"offset\" = $3
UNION ALL
SELECT 'failures', f.error_class, f.error_message, false, false, f.value, f.key, f.headers::text, f.timestamp_ms, f.stream
FROM failures f WHERE f.partition = $2 AND f.\"offset\" = $3";

async fn check(world: &World, odd: &Record, becomes: Becomes) -> anyhow::Result<()> {
    let find = format!(
        "SELECT x.* FROM ({FIND}) AS x JOIN streams s ON s.id = x.stream WHERE s.topic = $1"
    );
    let rows = world.sql.query(&find, &[&odd.topic, &odd.partition, &odd.offset]).await?;
    let [row] = &rows[..] else { anyhow::bail!("it is stored {} times", rows.len()) };
    let (place, kind, reason): (&str, &str, Option<&str>) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let (payload, raw): (bool, bool) = (row.try_get(3)?, row.try_get(4)?);
    let became =
        format!("{place}: {kind}, {}, payload {payload}, raw {raw}", reason.unwrap_or("no reason"));
    let right = match becomes {
        Becomes::Payload => (place, kind, payload, raw) == ("log", "event", true, false),
        Becomes::Raw => (place, kind, payload, raw) == ("log", "event", false, true),
        Becomes::Skipped => {
            (place, kind, payload, raw) == ("log", "skipped", false, false) && reason.is_some()
        }
        Becomes::Failure(class) => {
            (place, kind) == ("failures", class)
                && reason.is_some_and(|r| !r.is_empty() && r.len() < 400)
        }
    };
    ensure!(right, "wanted {becomes:?}, became {became}");
    ensure!(
        row.try_get::<_, Option<Vec<u8>>>(5)? == bytes(&odd.value),
        "the value's bytes are others"
    );
    ensure!(row.try_get::<_, Option<Vec<u8>>>(6)? == bytes(&odd.key), "the key's bytes are others");
    let headers = odd
        .headers
        .iter()
        .flatten()
        .any(|(_, value)| value.is_some())
        .then_some(r#"[{"name":"trace","base64":"/wA="}]"#);
    ensure!(row.try_get::<_, Option<&str>>(7)? == headers, "the headers are others");
    ensure!(row.try_get::<_, i64>(8)? == odd.timestamp, "the timestamp is another");
    Ok(())
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_a_clear_error_and_stores_nothing() -> anyhow::Result<()> {
    let world = World::new().await?;
    let good = cases::Kind::Orders.good(0, 0);
    let mut wrong = Vec::new();
    for (change, says) in [
        (r#""offset":0"#, r#""offset":-1"#),
        (r#""offset":0"#, r#""offset":9223372036854775807"#),
        (r#""offset":0"#, r#""offset":"nine""#),
        (r#""partition":0"#, r#""partition":-1"#),
        (r#""partition":0"#, r#""partition":4294967296"#),
        (r#""topic":"orders""#, r#""topic":"or ders""#),
        (r#""topic":"orders""#, r#""subject":"orders""#),
        (r#""records""#, r#""messages""#),
        (r#""records""#, r#""records"#),
    ] {
        let text = event([good.clone()]).to_json().to_string();
        assert!(text.contains(change), "{text}");
        match weir_model::KafkaBatch::parse(text.replace(change, says).as_bytes()) {
            Err(error)
                if error.to_string().lines().count() == 1 && error.to_string().len() < 300 => {}
            Err(error) => wrong.push(format!("{says}: {error}")),
            Ok(batch) => wrong.push(format!("{says}: a batch of {}", batch.len())),
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    let two = [good.clone(), Record { value: "7".into(), ..good }];
    let Err(StoreError::Refused(error)) = deliver(&world.writer, event(two)).await else {
        anyhow::bail!("two records at one place")
    };
    assert!(error.contains("orders-0 offset 0"), "{error}");
    assert_eq!(
        world
            .count("SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM failures)")
            .await?,
        0
    );
    Ok(())
}
