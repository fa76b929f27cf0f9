//! The commands, with a running `weir` and on the folder of a stopped one.

use std::fs;

use anyhow::Result;
use serde_json::{Value, json};

use crate::common::{
    Ended, Folder, Running, data,
    running::{count, until_count},
    weir,
};

const PLUGIN: [&str; 2] = ["--plugins", "daily_totals"];

async fn on(folder: &Folder, args: &[&str]) -> Result<Ended> {
    weir(&[args, &["--data-dir", &folder.arg()]].concat()).await
}

/// Checks for success and this text.
fn assert_says(ended: &Ended, says: &str) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains(says), "{says}: {ended:?}");
}

#[tokio::test]
async fn a_new_folder_is_migrated_before_it_is_served() -> Result<()> {
    let folder = Folder::new()?;
    let ended = on(&folder, &["migrate", "status"]).await?;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("has no database"), "{ended:?}");
    assert_says(&on(&folder, &["migrate"]).await?, "applied core V1 log");
    assert_says(&on(&folder, &["migrate"]).await?, "the schema is up to date");
    let ended = on(&folder, &[&["migrate", "status"], &PLUGIN[..]].concat()).await?;
    assert_says(&ended, "applied  core           V2 dumps");
    assert_says(&ended, "missing  daily_totals   V1 totals");
    let ended = on(&folder, &[&["migrate", "status", "--json"], &PLUGIN[..]].concat()).await?;
    let steps: Value = serde_json::from_str(&ended.stdout)?;
    let expected = json!({"owner": "core", "version": 1, "name": "log", "applied": true});
    assert!(steps.as_array().is_some_and(|steps| steps.contains(&expected)), "{steps}");
    assert!(folder.postgres().is_none(), "it was stopped again");
    Ok(())
}

#[tokio::test]
async fn every_command_works_with_and_without_a_running_weir() -> Result<()> {
    let folder = Folder::new()?;
    let weir = Running::start(&folder, &PLUGIN).await?;
    weir.produce((1..=4).map(data::build).chain((0..1_000).map(data::reading))).await?;
    weir.stored(&folder, 1_004).await?;
    let sql = folder.sql().await?;
    let before = data::projections(&sql).await?;

    let reconcile = on(&folder, &["reconcile", "--kafka-port", weir.kafka_port()]).await?;
    assert_says(&reconcile, "48 partitions compared: 0 missing, 0 lost, 0 not yet read");
    let reconcile =
        on(&folder, &["reconcile", "--json", "--kafka-port", weir.kafka_port()]).await?;
    let compared: Value = serde_json::from_str(&reconcile.stdout)?;
    assert_eq!(compared["partitions"].as_array().map(Vec::len), Some(48), "{compared}");
    assert_eq!((&compared["missing"], &compared["lost"]), (&json!(0), &json!(0)), "{compared}");
    every_command(&folder).await?;
    let sql = folder.sql().await?;
    assert_eq!(data::projections(&sql).await?, before);
    weir.is_healthy().await?;
    let totals = weir.json("/plugins/daily_totals?topic=build_events").await?;
    assert_eq!(
        totals
            .as_array()
            .map(|days| days.iter().filter_map(|day| day["events"].as_i64()).sum::<i64>()),
        Some(4),
        "{totals}"
    );

    // A new epoch begins while the program runs: new records are stored, and the broker's records
    // are read again.
    assert_says(
        &on(&folder, &["topic", "reset", "readings", "--yes"]).await?,
        "topic readings of group weir is in a new epoch (stream ",
    );
    weir.produce((1_000..1_010).map(data::reading)).await?;
    until_count(&sql, "SELECT count(*) FROM readings", 1_010).await?;
    let unknown = on(&folder, &["topic", "reset", "nothing", "--yes"]).await?;
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert_eq!(
        unknown.stderr,
        "weir: topic nothing needs no reset: group weir has no stored record of it; if you \
            expected records, check the topic's name and --group-id\n"
    );
    assert_eq!(weir.interrupt().await?.code, Some(0));

    every_command(&folder).await?;
    let reconcile = on(&folder, &["reconcile", "--kafka-port", "1"]).await?;
    assert_eq!(reconcile.code, Some(1), "{reconcile:?}");
    assert!(
        reconcile
            .stderr
            .contains("the Kafka broker did not answer: localhost:1: Connection refused"),
        "{reconcile:?}"
    );
    assert_eq!(reconcile.stderr.lines().count(), 1, "{reconcile:?}");
    assert!(folder.postgres().is_none(), "every command stopped what it started");
    assert!(!folder.data().join("database-url").exists());
    Ok(())
}

async fn every_command(folder: &Folder) -> Result<()> {
    assert_says(&on(folder, &["migrate"]).await?, "the schema is up to date");
    assert_says(&on(folder, &["migrate", "status"]).await?, "applied  core           V6 api");
    let builds = on(folder, &["replay", "--model", "builds", "--yes"]).await?;
    assert_says(
        &builds,
        "builds rebuilt: 4 records, 4 events, 0 no longer skipped, 0 newly refused",
    );
    assert_says(
        &on(folder, &["replay", "--model", "readings", "--topic", "readings", "--yes"]).await?,
        "readings updated: ",
    );
    let plugin =
        on(folder, &[&["replay", "--plugin", "daily_totals", "--yes"], &PLUGIN[..]].concat())
            .await?;
    assert_says(&plugin, "daily_totals recomputed: ");
    let off = on(folder, &["replay", "--plugin", "avro", "--yes"]).await?;
    assert_eq!((off.code, off.stderr.lines().count()), (Some(2), 1), "{off:?}");
    assert_says(
        &on(folder, &["retention", "--keep", "400d"]).await?,
        "no month is older than 400 days",
    );
    let unknown = on(folder, &["replay", "--model", "nothing"]).await?;
    assert_eq!((unknown.code, unknown.stderr.lines().count()), (Some(2), 1), "{unknown:?}");
    Ok(())
}

/// Records that retention drops stay settled, and are reported.
#[tokio::test]
async fn retention_drops_a_month_that_is_over() -> Result<()> {
    let folder = Folder::new()?;
    let weir = Running::start(&folder, &[]).await?;
    weir.produce((0..10).map(data::reading)).await?;
    weir.stored(&folder, 10).await?;
    let sql = folder.sql().await?;
    sql.batch_execute(
        "SELECT make_event_month('2020-01-01Z');
         UPDATE event_records SET arrived_at = '2020-01-15Z'",
    )
    .await?;
    let kept = on(&folder, &["retention", "--keep", "400d", "--json"]).await?;
    let months: Value = serde_json::from_str(&kept.stdout)?;
    let expected = json!({"table": "events_2020_01", "undumped_days": ["2020-01-15"], "days_without_parquet": []});
    assert_eq!((kept.code, &months["kept"][0]), (Some(1), &expected), "{months}");
    let kept = on(&folder, &["retention", "--keep", "400d"]).await?;
    assert_eq!(kept.code, Some(1), "{kept:?}");
    assert!(
        kept.stdout.contains(
            "kept events_2020_01: these days of the log are not dumped and verified: 2020-01-15"
        ),
        "{kept:?}"
    );
    assert_says(
        &on(&folder, &["dump", "--dump-date", "2020-01-15", "--models", "events"]).await?,
        "dumped events 2020-01-15: 10 rows",
    );
    assert_says(
        &on(&folder, &["retention", "--keep", "400d"]).await?,
        "archived events_2020_01: 10 records",
    );
    assert_eq!(count(&sql, "SELECT count(*) FROM events").await?, 0);
    let reconcile = on(&folder, &["reconcile", "--kafka-port", weir.kafka_port()]).await?;
    assert_says(&reconcile, "0 missing, 0 lost, 0 not yet read");
    Ok(())
}

/// A series has its own retention. The default partition goes month by month.
#[tokio::test]
async fn retention_drops_months_of_a_series() -> Result<()> {
    let folder = Folder::new()?;
    let weir = Running::start(&folder, &[]).await?;
    weir.produce((0..10).map(data::reading)).await?;
    weir.stored(&folder, 10).await?;
    let sql = folder.sql().await?;
    sql.batch_execute(
        "DELETE FROM day_changes;
         UPDATE readings SET \"timestamp\" = '2011-01-15Z'::timestamptz + \"offset\" * interval '1 second'",
    )
    .await?;
    let file = folder.above().join("data.toml");
    fs::write(&file, "[retention.nothing]\nkeep = \"400d\"\n")?;
    let file = file.display().to_string();
    let wrong = on(&folder, &["apply", &file, "--yes"]).await?;
    assert!(
        wrong.code == Some(2)
            && wrong.stderr.contains("no series has this name; the series are: readings, cdevents"),
        "{wrong:?}"
    );
    fs::write(&file, "[retention.readings]\nkeep = \"400d\"\n")?;
    let applied = on(&folder, &["apply", &file, "--yes"]).await?;
    assert_says(&applied, r#"retention readings: not set → {"keep":"400d"}"#);

    let shown = on(&folder, &["retention", "--dry-run"]).await?;
    assert_says(&shown, "readings is kept 400 days:");
    assert_says(&shown, "10 rows of months without a table, from 2011-01-15 to 2011-01-15");
    assert_says(&shown, "cdevents is kept forever:");
    let kept = on(&folder, &["retention"]).await?;
    let line = "kept readings_default: these days of readings are not dumped and verified: 2011-01-15; run `weir dump`";
    assert!(kept.code == Some(1) && kept.stdout.contains(line), "{kept:?}");
    let asks = on(&folder, &["retention", "--force", "readings_default"]).await?;
    assert!(
        asks.code == Some(2)
            && asks.stdout.contains("readings_default will be dropped, although 1 of its days"),
        "{asks:?}"
    );
    assert_eq!(count(&sql, "SELECT count(*) FROM readings").await?, 10);
    assert_says(
        &on(&folder, &["dump", "--dump-date", "2011-01-15", "--models", "readings"]).await?,
        "dumped readings 2011-01-15: 10 rows",
    );
    let dropped = on(&folder, &["retention", "--json"]).await?;
    let dropped: Value = serde_json::from_str(&dropped.stdout)?;
    assert_eq!(
        dropped["dropped"],
        json!([{"table": "readings_default", "records": 10, "archived": false}])
    );
    assert_eq!(
        (&dropped["keep_days"], &dropped["series"][1]["keep_days"]),
        (&Value::Null, &400.into())
    );
    assert_eq!(count(&sql, "SELECT count(*) FROM readings").await?, 0);
    assert_says(&on(&folder, &["retention"]).await?, "no month is old");
    assert_says(
        &on(
            &folder,
            &[
                "dump",
                "verify",
                "--from",
                "2011-01-15",
                "--to",
                "2011-01-15",
                "--models",
                "readings",
            ],
        )
        .await?,
        "complete readings 2011-01-15: 10 rows, which retention removed from the database",
    );
    let again = on(&folder, &["dump", "--dump-date", "2011-01-15", "--models", "readings"]).await?;
    assert!(again.code != Some(0) && again.stderr.contains("retention removed"), "{again:?}");
    Ok(())
}
