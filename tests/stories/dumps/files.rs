//! The files of a day.

use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::Value;
use weir_blob::Format;
use weir_dump::Which;
use weir_tests::{
    World,
    batches::{builds, event, orders, readings, record},
    dumps::{Dumps, FORMATS, day},
};

fn unzipped(dumps: &Dumps, name: &str) -> anyhow::Result<String> {
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(dumps.folder.path().join(name))?)
        .read_to_string(&mut text)?;
    Ok(text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_in_all_formats() -> anyhow::Result<()> {
    let world = World::new().await?;
    world
        .deliver(event(
            readings(0..100)
                .into_iter()
                .chain(builds(1..4))
                .chain(orders(0..3))
                .chain([record("orders", 1, 9, "{\n}")]),
        ))
        .await?;
    let dumps = Dumps::of(world.store()?, &FORMATS)?;
    let today: String = world
        .sql
        .query_one("SELECT (now() AT TIME ZONE 'UTC')::date::text", &[])
        .await?
        .try_get(0)?;
    dumps.run(Which::Day(day("2026-01-01")?), "2026-01-02").await?;
    dumps.one("events", &today).await?;
    let formats = [("csv", "csv.gz"), ("json", "json.gz"), ("parquet", "parquet")];
    let mut wanted = vec![format!("_manifests/events/dt={today}.json")];
    for model in ["builds", "cdevents", "events", "readings"] {
        wanted.push(format!("_manifests/{model}/dt=2026-01-01.json"));
        for (format, extension) in formats {
            let file = |folder| format!("{model}/{format}/{folder}/part-00000.{extension}");
            if model == "events" {
                let topics = ["build_events", "orders", "readings"];
                wanted.extend(topics.map(|topic| file(format!("dt={today}/topic={topic}"))));
            } else {
                wanted.push(file("dt=2026-01-01".to_owned()));
            }
        }
    }
    wanted.sort();
    assert_eq!(dumps.files()?, wanted);

    let manifest = dumps.manifest("readings", "2026-01-01").await?;
    assert_eq!(
        (manifest.rows, manifest.files.len(), manifest.key.join(",")),
        (100, 3, "sensor,timestamp".into())
    );
    let offsets: Vec<_> =
        manifest.offsets.iter().map(|o| (o.topic.as_str(), o.partition, o.first, o.last)).collect();
    assert_eq!(offsets, [("readings", 0, 0, 99)]);
    assert_eq!(manifest.bytes, manifest.files.iter().map(|f| f.bytes).sum::<u64>());

    let json = unzipped(&dumps, "readings/json/dt=2026-01-01/part-00000.json.gz")?;
    assert_eq!(json.lines().count(), 100);
    let first: Value = serde_json::from_str(json.lines().nth(1).unwrap_or_default())?;
    assert_eq!(
        (&first["sensor"], &first["value"], &first["timestamp"]),
        (&"speed".into(), &1.into(), &"2026-01-01T00:00:01.000Z".into())
    );
    let csv = unzipped(&dumps, "readings/csv/dt=2026-01-01/part-00000.csv.gz")?;
    assert_eq!(csv.lines().count(), 101);
    assert!(
        csv.starts_with("sensor,timestamp,value,record_timestamp_ms,stream,partition,offset\nspeed,2026-01-01T00:00:00.000Z,0,"),
        "{csv}"
    );
    let log = unzipped(&dumps, &format!("events/json/dt={today}/topic=orders/part-00000.json.gz"))?;
    assert_eq!(log.lines().count(), 4);
    let pretty: Value = serde_json::from_str(log.lines().last().unwrap_or_default())?;
    assert_eq!(
        (&pretty["topic"], &pretty["payload"], &pretty["payload_text"]),
        (&"orders".into(), &serde_json::json!({}), &"{\n}".into())
    );
    let log = dumps.manifest("events", &today).await?;
    let of_orders: Vec<_> = log
        .offsets
        .iter()
        .filter(|o| o.topic == "orders")
        .map(|o| (o.partition, o.first, o.last))
        .collect();
    assert_eq!(of_orders, [(0, 0, 2), (1, 9, 9)]);
    Ok(())
}

/// The same rows give the same bytes, except for the manifest's time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn again_is_the_same() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.deliver(event(readings(0..2_000))).await?;
    let dumps = Dumps::of(world.store()?, &FORMATS)?;
    dumps.run(Which::Daily, "2026-01-02").await?;
    let first = dumps.manifest("readings", "2026-01-01").await?;
    world.sql.batch_execute("UPDATE readings SET value = value").await?;
    dumps.run(Which::Day(day("2026-01-01")?), "2026-01-03").await?;
    let mut second = dumps.manifest("readings", "2026-01-01").await?;
    assert_ne!(first.dumped_at, second.dumped_at);
    second.dumped_at.clone_from(&first.dumped_at);
    assert_eq!(first, second);
    Ok(())
}

/// The snapshot of a past day is not overwritten with the current state.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_keeps_its_day() -> anyhow::Result<()> {
    let world = World::new().await?;
    let dumps = Dumps::of(world.store()?, &[Format::Json])?;
    world.deliver(event(builds(1..4))).await?;
    dumps.run(Which::Daily, "2026-01-02").await?;
    world.deliver(event(builds(4..9))).await?;
    assert!(
        dumps.run(Which::Daily, "2026-01-02").await?.contains(&"builds 2026-01-01 8".to_owned()),
        "the same morning again"
    );
    let outcome = dumps.try_run(Which::Day(day("2026-01-01")?), "2026-01-09").await?;
    assert_eq!(outcome.kept, [("builds".to_owned(), day("2026-01-01")?)]);
    assert_eq!(dumps.manifest("builds", "2026-01-01").await?.rows, 8);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_that_is_not_over_is_refused() -> anyhow::Result<()> {
    let world = World::new().await?;
    let dumps = Dumps::of(world.store()?, &[Format::Json])?;
    for which in [
        Which::Day(day("2026-01-02")?),
        Which::Day(day("2999-01-01")?),
        Which::Range(day("2025-12-31")?, day("2026-01-02")?),
    ] {
        let refused = dumps.try_run(which, "2026-01-02").await;
        assert!(
            refused.as_ref().is_err_and(|e| e.to_string().contains("is not over yet")),
            "{refused:?}"
        );
    }
    assert!(
        dumps
            .try_run(Which::Range(day("2025-12-31")?, day("2025-12-30")?), "2026-01-02")
            .await
            .is_err()
    );
    assert!(dumps.files()?.is_empty());
    Ok(())
}
