//! Tests that wrong settings give one line of log and an answer.

use std::process::Stdio;

use anyhow::{Context, Result};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::cloud_formation::MigrateWorld;

#[tokio::test]
async fn wrong_settings_are_one_line_that_cloud_formation_is_told_too() -> Result<()> {
    let mut world = MigrateWorld::new().await?;
    for (name, value, says) in [
        ("DATABASE_URL", "nonsense", "cannot parse the database URL"),
        ("PLUGINS", "nothing", "unknown plugin"),
        ("DATABASE_ROLES", "all", "invalid value 'all' for '--database-roles"),
        ("KAFKA_PROPERTIES", "hunter2", "KAFKA_PROPERTIES"),
    ] {
        let mut child = world.command().env(name, value).stderr(Stdio::piped()).spawn()?;
        let answer = world.ask("Create", json!({})).await?;
        assert_eq!(answer["Status"], "FAILED", "{answer}");
        let reason = answer["Reason"].as_str().unwrap_or_default();
        assert!(reason.contains(says) && !reason.contains("hunter2"), "{says}: {answer}");
        assert_eq!(world.ask("Delete", json!({})).await?["Status"], "SUCCESS");
        let line = BufReader::new(child.stderr.take().context("stderr")?)
            .lines()
            .next_line()
            .await?
            .context("a line")?;
        assert!(line.starts_with("migrate: ") && line.contains(says), "{line}");
        child.kill().await?;
        world.runtime.reset();
    }
    Ok(())
}

#[tokio::test]
async fn by_hand_wrong_settings_end_it() -> Result<()> {
    let ended = Command::new(env!("CARGO_BIN_EXE_migrate"))
        .env("DATABASE_URL", "nonsense")
        .env_remove("AWS_LAMBDA_RUNTIME_API")
        .output()
        .await?;
    assert_eq!(ended.status.code(), Some(2));
    assert_eq!(String::from_utf8(ended.stderr)?.lines().count(), 1);
    Ok(())
}
