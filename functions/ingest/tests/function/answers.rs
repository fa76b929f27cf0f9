//! Tests the function's answers to Lambda, its lines on stdout, and its errors at the start.

use std::process::Stdio;

use anyhow::Context;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use weir_model::models;
use weir_settings::{DataFlags, Wanted};
use weir_store::{DatabaseConfig, Store};
use weir_testkit::{FunctionError, KafkaEvent, Record};

use crate::child::{IngestHarness, batch};

#[tokio::test]
async fn a_batch_is_answered_and_counted() -> anyhow::Result<()> {
    let harness = IngestHarness::new().await?;
    let mut child = harness.command().stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("stdout")?).lines();
    harness.deliver(batch(0, 7)).await?;
    harness.deliver(batch(5, 5)).await?;
    let mut counted = Vec::new();
    let mut logged = Vec::new();
    while counted.len() < 2 {
        let line = tokio::time::timeout(weir_testkit::PATIENCE, lines.next_line())
            .await??
            .context("a line")?;
        let line: Value =
            serde_json::from_str(&line).with_context(|| format!("every line is JSON: {line}"))?;
        match line.get("_aws") {
            Some(_) => counted.push(
                ["around_consume", "event_acknowledged", "event_already_consumed", "event_failed"]
                    .map(|name| line[name].as_i64()),
            ),
            None if line["message"] == "batch stored" => logged.push(
                ["records", "stored", "skipped", "duplicate", "failed"]
                    .map(|name| line[name].as_i64()),
            ),
            None => {}
        }
    }
    assert_eq!(
        counted,
        [[Some(7), Some(7), Some(0), Some(0)], [Some(5), Some(3), Some(2), Some(0)]]
    );
    assert_eq!(
        logged,
        [
            [Some(7), Some(7), Some(0), Some(0), Some(0)],
            [Some(5), Some(3), Some(0), Some(2), Some(0)]
        ]
    );
    assert_eq!(harness.count("SELECT count(*) FROM readings").await?, 10);
    Ok(())
}

#[tokio::test]
async fn an_event_that_is_not_of_kafka_is_an_error() -> anyhow::Result<()> {
    let harness = IngestHarness::new().await?;
    let _child = harness.start()?;
    match harness.invoke(br#"{"Records":[]}"#.to_vec()).await {
        Err(FunctionError::Failed { message, .. }) => {
            assert!(message.contains("not the event of a Kafka event source mapping"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    harness.deliver(batch(0, 1)).await?;
    Ok(())
}

#[tokio::test]
async fn a_database_that_is_away_at_the_start_costs_a_batch_not_the_function() -> anyhow::Result<()>
{
    let harness = IngestHarness::new().await?;
    harness.proxy.refuse(true);
    let _child = harness.start()?;
    assert!(matches!(harness.invoke(batch(0, 3)).await, Err(FunctionError::Failed { .. })));
    harness.proxy.refuse(false);
    harness.deliver(batch(0, 3)).await?;
    assert_eq!(harness.count("SELECT count(*) FROM events").await?, 3);
    assert_eq!(harness.count("SELECT count(*) FROM failures").await?, 0);
    Ok(())
}

/// A marker for a variable that is not set.
const MISSING: &str = "(missing)";

#[tokio::test]
async fn a_wrong_or_missing_setting_is_one_line_and_exit_2() -> anyhow::Result<()> {
    let harness = IngestHarness::new().await?;
    for (name, value, said) in [
        ("TOPICS", "a=nothing", "bound to the unknown model"),
        ("PLUGINS", "nothing", "unknown plugin"),
        (
            "DATABASE_URL",
            "postgresql://",
            "the database URL has no host: give a URL like postgresql://user:password@host:port/database",
        ),
        ("DATABASE_URL", "nonsense", "cannot parse the database URL"),
        ("DATABASE_URL", MISSING, "DATABASE_URL"),
        ("STATEMENT_TIMEOUT", "0", "STATEMENT_TIMEOUT: invalid value '0'"),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "localhost:4318",
            "the URL must begin with http:// or https://",
        ),
    ] {
        let mut command = harness.command();
        let command =
            if value == MISSING { command.env_remove(name) } else { command.env(name, value) };
        let output = command.output().await?;
        let stderr = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(2), "{name}={value}: {stderr}");
        assert!(stderr.contains(said) && stderr.lines().count() == 1, "{name}={value}: {stderr}");
    }
    Ok(())
}

fn orders(offset: i64) -> Vec<u8> {
    let record = Record {
        topic: "orders".into(),
        offset,
        value: r#"{"id":"a"}"#.into(),
        ..Record::default()
    };
    KafkaEvent::new([record]).to_bytes()
}

const EVENTS: &str = "SELECT count(*) FROM events WHERE outcome = 'event'";

#[tokio::test]
async fn what_a_start_has_stored_is_read_once_the_database_answers() -> anyhow::Result<()> {
    let harness = IngestHarness::new().await?;
    let flags = DataFlags { topics: Some("+orders=events".parse()?), ..DataFlags::default() };
    let store = Store::new(&DatabaseConfig::from_url(harness.database.url()))?;
    Wanted::of(&flags)?.start(&store, &models::builtin(), &weir_plugin::builtin()).await?;
    let child = harness.start()?;
    harness.deliver(orders(0)).await?;
    assert_eq!(harness.count(EVENTS).await?, 1);
    drop(child);

    let mut contradicts = harness.command();
    let output = contradicts.env("TOPICS", "+pay=events").output().await?;
    let stderr = String::from_utf8(output.stderr)?;
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(2), 1), "{stderr}");
    for part in [
        "--topics (TOPICS) is",
        "pay=events",
        "but the database has",
        "orders=events",
        "`weir apply --topics",
    ] {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }

    // The function starts without the database, and reads the settings when the database is back.
    harness.runtime.reset();
    harness.proxy.refuse(true);
    let _child = harness.start()?;
    assert!(harness.invoke(orders(1)).await.is_err(), "nothing looks like success");
    harness.proxy.refuse(false);
    harness.deliver(orders(1)).await?;
    assert_eq!(harness.count(EVENTS).await?, 2);
    Ok(())
}
