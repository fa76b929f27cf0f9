//! The settings of the data are stored in the database. A start with flags stores them, and
//! everything reads them from the database.

use std::fs;

use anyhow::{Context, Result};
use serde_json::json;
use weir_kafka::OutgoingRecord;

use crate::common::{
    Ended, Folder, Running, data,
    running::{count, until_count},
    weir,
};

const TOPICS: &str = "+orders=events,pay=events";

async fn on(folder: &Folder, args: &[&str]) -> Result<Ended> {
    weir(&[args, &["--data-dir", &folder.arg()]].concat()).await
}

fn assert_says(ended: &Ended, says: &str) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains(says), "{says}: {ended:?}");
}

/// Checks for exactly one line that names both values and how to change the setting.
fn assert_contradicts(ended: &Ended, says: &[&str]) {
    assert_eq!((ended.code, ended.stderr.lines().count()), (Some(2), 1), "{says:?}: {ended:?}");
    for part in says.iter().chain(&["but the database has", "`weir apply"]) {
        assert!(ended.stderr.contains(part), "{part}: {ended:?}");
    }
}

fn order(value: &str) -> OutgoingRecord {
    OutgoingRecord {
        topic: "orders".into(),
        value: Some(value.as_bytes().to_vec()),
        ..OutgoingRecord::default()
    }
}

#[tokio::test]
async fn every_command_reads_what_a_start_has_stored() -> Result<()> {
    let folder = Folder::new()?;
    let flags = [
        "--topics",
        TOPICS,
        "--event-fields",
        "orders=entity_id:/id",
        "--dedupe",
        "pay",
        "--plugins",
        "daily_totals",
        "--keep",
        "400d",
    ];
    let weir = Running::start(&folder, &flags).await?;
    weir.produce([order(r#"{"id":"a"}"#), order("no JSON")]).await?;
    let sql = folder.sql().await?;
    until_count(&sql, "SELECT count(*) FROM failures", 1).await?;
    until_count(&sql, "SELECT count(*) FROM events WHERE entity_id = 'a'", 1).await?;

    let reconcile = on(&folder, &["reconcile", "--kafka-port", weir.kafka_port()]).await?;
    assert_says(&reconcile, "80 partitions compared: 0 missing, 0 lost, 0 not yet read");
    let retried = on(&folder, &["failures", "retry", "--all"]).await?;
    assert!(retried.stdout.contains("0 stored, 0 skipped, 1 refused again"), "{retried:?}");
    let shown = on(&folder, &["failures", "list"]).await?;
    assert!(!shown.stdout.contains("bound"), "it is refused for what it is: {shown:?}");
    assert_says(
        &on(&folder, &["replay", "--model", "events", "--topic", "orders", "--yes"]).await?,
        "of orders will be read from the log",
    );
    assert_says(
        &on(&folder, &["replay", "--plugin", "daily_totals", "--yes"]).await?,
        "daily_totals recomputed",
    );
    assert_says(&on(&folder, &["retention"]).await?, "no month is older than 400 days");
    assert_says(&on(&folder, &["migrate", "status"]).await?, "daily_totals");
    let files = folder.above().join("files");
    fs::create_dir(&files)?;
    fs::write(files.join("a.ndjson"), "{\"id\":\"b\"}\n")?;
    let collected = on(
        &folder,
        &[
            "collect",
            &files.display().to_string(),
            "--files",
            "=orders",
            "--kafka-port",
            weir.kafka_port(),
        ],
    )
    .await?;
    assert_says(&collected, "1 values of 1 files");
    let url = format!("http://127.0.0.1:{}", weir.http);
    assert_says(
        &crate::common::weir(&["send", "--topic", "orders", "-d", r#"{"id":"c"}"#, "--url", &url])
            .await?,
        "1 sent",
    );
    until_count(&sql, "SELECT count(*) FROM events WHERE entity_id IN ('b', 'c')", 2).await?;
    let config = on(&folder, &["config"]).await?;
    for (name, value) in [
        ("topics", "orders=events"),
        ("keep", "400d"),
        ("plugins", "daily_totals"),
        ("dedupe", "pay"),
        ("event-fields", "orders=entity_id:/id"),
    ] {
        let line = config
            .stdout
            .lines()
            .find(|line| line.starts_with(&format!("{name} = ")))
            .context(name)?;
        assert!(line.contains(value) && line.ends_with("# database"), "{line}");
    }

    // A flag that contradicts the database is an error, and nothing is changed.
    let other: [(&[&str], &[&str]); 8] = [
        (
            &["dump", "status", "--group-id", "shop", "--keep", "1d"],
            &["--keep (KEEP) is 1d", "400d"],
        ),
        (
            &["reconcile", "--topics", "+x=events"],
            &["--topics (TOPICS) is", "x=events", "orders=events,pay=events"],
        ),
        (
            &["failures", "retry", "--all", "--dedupe", "orders"],
            &["--dedupe (DEDUPE) is orders", "pay"],
        ),
        (
            &[
                "replay",
                "--plugin",
                "daily_totals",
                "--yes",
                "--event-fields",
                "orders=entity_id:/x",
            ],
            &["--event-fields (EVENT_FIELDS)", "/x", "/id"],
        ),
        (&["retention", "--keep", "30d"], &["--keep (KEEP) is 30d", "400d"]),
        (
            &[
                "collect",
                &files.display().to_string(),
                "--files",
                "=orders",
                "--topics",
                "orders=events",
            ],
            &["--topics (TOPICS)"],
        ),
        (
            &["topic", "reset", "orders", "--yes", "--topics", "orders=events"],
            &["--topics (TOPICS)"],
        ),
        (&["migrate", "--topics", "orders=events"], &["--topics (TOPICS)"]),
    ];
    let before = count(&sql, "SELECT count(*) FROM settings").await?;
    for (args, says) in other {
        assert_contradicts(&on(&folder, args).await?, says);
    }
    assert_eq!(weir.interrupt().await?.code, Some(0));
    let ended =
        on(&folder, &["--port", "0", "--kafka-port", "0", "--topics", "+orders=events"]).await?;
    assert_contradicts(&ended, &["--topics (TOPICS) is", "pay=events"]);

    let weir = Running::start(&folder, &[]).await?;
    assert!(weir.stdout().contains("orders (events), pay (events)"), "{}", weir.stdout());
    assert!(weir.json("/v1/models").await?.to_string().contains("orders"));
    assert_eq!(weir.get("/plugins/daily_totals").await?.status, 200);
    assert_eq!(
        count(&folder.sql().await?, "SELECT count(*) FROM settings").await?,
        before,
        "an equal start sets nothing"
    );
    Ok(())
}

#[tokio::test]
async fn apply_shows_asks_and_keeps_every_version() -> Result<()> {
    let folder = Folder::new()?;
    Running::start(&folder, &["--topics", TOPICS]).await?.interrupt().await?;
    let file = folder.above().join("data.toml");
    fs::write(
        &file,
        "port = 4000\n[topics.orders]\nmodel = \"events\"\nevent-fields = { entity_id = \"/id\" }\n[topics.pay]\nremove = true\n[retention]\nkeep = \"90d\"\n",
    )?;
    let named = file.display().to_string();
    let asked = on(&folder, &["apply", &named]).await?;
    assert_eq!((asked.code, asked.stderr.lines().count()), (Some(2), 1), "{asked:?}");
    for line in [
        r#"topic orders: {"model":"events"} → {"event-fields":{"entity_id":"/id"},"model":"events"}"#,
        r#"topic pay: {"model":"events"} → not set"#,
        "topic pay is removed: Weir no longer reads it; its stored records stay",
        r#"retention: not set → {"keep":"90d"}"#,
        "to undo it: ",
    ] {
        assert!(asked.stdout.contains(line), "{line}: {asked:?}");
    }
    assert_says(&on(&folder, &["apply", &named, "--yes"]).await?, "done");
    assert_says(&on(&folder, &["apply", &named]).await?, "the database already has these settings");
    let wrong = folder.above().join("wrong.toml");
    fs::write(&wrong, "[topics.orders]\nmodel = \"nothing\"")?;
    let refused = on(&folder, &["apply", &wrong.display().to_string(), "--yes"]).await?;
    assert!(
        refused.code == Some(2) && refused.stderr.contains("bound to the unknown model"),
        "{refused:?}"
    );
    assert_eq!(on(&folder, &["apply"]).await?.code, Some(2));

    // The file of --config: a setting whose name the database lacks is stored, and an equal setting
    // changes nothing.
    fs::write(
        &file,
        "[topics.orders]\nmodel = \"events\"\nevent-fields = { entity_id = \"/id\" }\n[topics.more]\nmodel = \"events\"\n",
    )?;
    let weir = Running::start(&folder, &["--config", &named]).await?;
    let sql = folder.sql().await?;
    let rows = "SELECT string_agg(name || ' ' || version || ' ' || set_by, ', ' ORDER BY name) FROM settings WHERE kind = 'topic' AND name IN ('more', 'orders', 'pay')";
    let rows: String = sql.query_one(rows, &[]).await?.try_get(0)?;
    assert_eq!(rows, "more 1 start, orders 1 start, orders 2 apply, pay 1 start, pay 2 apply");
    assert!(weir.json("/v1/models").await?.to_string().contains("more"));
    weir.interrupt().await?;
    fs::write(&file, "[topics.orders]\nmodel = \"builds\"\n")?;
    let ended = on(&folder, &["--port", "0", "--kafka-port", "0", "--config", &named]).await?;
    assert_contradicts(
        &ended,
        &["[topics.orders]", "builds", "/id", &format!("`weir apply {named}`")],
    );
    // Flags set all settings of their kind.
    assert_says(
        &on(&folder, &["apply", "--yes", "--topics", "readings=readings"]).await?,
        "topic orders is removed: Weir no longer reads it",
    );
    let weir = Running::start(&folder, &["--topics", "readings=readings"]).await?;
    weir.produce((0..3).map(data::reading)).await?;
    until_count(&folder.sql().await?, "SELECT count(*) FROM readings", 3).await?;
    assert_eq!(weir.json("/v1/models").await?.to_string().matches("orders").count(), 0);
    Ok(())
}

#[tokio::test]
async fn a_schema_of_avro_is_stored_with_its_topic() -> Result<()> {
    let folder = Folder::new()?;
    let schema = folder.above().join("order.avsc");
    fs::write(
        &schema,
        json!({"type": "record", "name": "order", "fields": [{"name": "id", "type": "string"}]})
            .to_string(),
    )?;
    let avro = format!("orders={}", schema.display());
    let weir = Running::start(&folder, &["--topics", TOPICS, "--avro", &avro]).await?;
    weir.interrupt().await?;
    // The file is not needed any more.
    fs::remove_file(&schema)?;
    let weir = Running::start(&folder, &[]).await?;
    weir.produce([order("\u{4}ab")]).await?;
    until_count(&folder.sql().await?, "SELECT count(*) FROM events WHERE payload->>'id' = 'ab'", 1)
        .await?;
    Ok(())
}

/// One weir reads for one consumer group.
#[tokio::test]
async fn topics_of_several_groups_are_refused() -> Result<()> {
    let folder = Folder::new()?;
    let ended =
        on(&folder, &["--port", "0", "--kafka-port", "0", "--group-id", "shop-{topic}"]).await?;
    assert!(ended.code == Some(2) && ended.stderr.contains("one weir reads for one"), "{ended:?}");
    Ok(())
}
