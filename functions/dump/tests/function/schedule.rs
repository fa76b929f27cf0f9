//! Tests the events of the schedule.

use std::{process::Stdio, time::Duration};

use anyhow::Result;
use serde_json::Value;
use weir_testkit::{FunctionError, RuntimeApi, sample_event};

use crate::world;

/// Maximum duration of an invocation.
const LIMIT: Duration = Duration::from_mins(1);

/// Returns the dumped days of readings in an answer.
fn readings(answer: &Value) -> Vec<&str> {
    let dumped = answer["dumped"].as_array().into_iter().flatten();
    dumped.filter_map(Value::as_str).filter_map(|day| day.strip_prefix("readings ")).collect()
}

#[tokio::test]
async fn the_day_before_is_dumped_as_often_as_the_schedule_fires_and_any_day_that_a_person_names()
-> Result<()> {
    let (database, folder, runtime) =
        (world::database().await?, tempfile::tempdir()?, RuntimeApi::start().await?);
    let mut command = runtime.command(env!("CARGO_BIN_EXE_dump"));
    command
        .env("DATABASE_URL", database.url())
        .env("BLOB_URL", format!("file://{}", folder.path().display()));
    let _child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;

    // A schedule may fire more than once.
    for event in ["dump", "dump", "dump-day"] {
        let answer = runtime.invoke(sample_event(event)?, LIMIT).await?;
        assert_eq!(readings(&answer), ["2026-01-01"], "{event}: {answer}");
        assert_eq!((&answer["rows"], &answer["left"]), (&3.into(), &0.into()), "{event}: {answer}");
    }

    let wrong = runtime
        .invoke(br#"{"scheduled_time":"<aws.scheduler.scheduled-time>"}"#.to_vec(), LIMIT)
        .await;
    assert!(
        matches!(&wrong, Err(FunctionError::Failed { message, .. }) if message.contains("is not RFC 3339")),
        "{wrong:?}"
    );
    Ok(())
}
