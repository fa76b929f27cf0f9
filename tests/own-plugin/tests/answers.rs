//! The program works as Weir does, with the custom plugin and its migrations.

#[path = "../../../functions/local/tests/common/mod.rs"]
mod common;

use anyhow::Result;
use common::{Folder, Running, command, data, ended, running::PATIENCE};
use serde_json::json;
use weir_testkit::eventually;

const PROGRAM: &str = env!("CARGO_BIN_EXE_own-plugin");

#[tokio::test]
async fn a_program_with_its_own_plugin_answers() -> Result<()> {
    let folder = Folder::new()?;
    let data_dir = folder.arg();
    let own = ["--data-dir", &data_dir, "--plugins", "slow_builds,daily_totals"];
    let serve = [&own[..], &["--port", "0", "--kafka-port", "0", "--no-sample"]].concat();
    let running = Running::of(command(PROGRAM, &serve)).await?;
    running.produce((1..=2).map(data::build).chain([data::reading(1)])).await?;
    running.stored(&folder, 3).await?;

    let slow = running.json("/plugins/slow_builds?over_ms=1000").await?;
    let project = "29c1071c-9b60-4447-ae92-b1ef1b067dbf";
    let expected =
        [1, 2].map(|n| json!({"build": data::build_id(n), "project": project, "steps_ms": 1001}));
    assert_eq!(slow, json!(expected));
    assert_eq!(running.json("/plugins/slow_builds?over_ms=1001").await?, json!([]));
    let totals =
        eventually(PATIENCE, async || running.json("/plugins/daily_totals").await.ok()).await?;
    assert_eq!(totals.as_array().map(Vec::len), Some(3), "Weir's own are there, too: {totals}");

    let status = ended(command(PROGRAM, &[&["migrate", "status"], &own[..]].concat())).await?;
    assert!(status.stdout.contains("applied  slow_builds    V1 times"), "{status:?}");
    assert_eq!(running.interrupt().await?.code, Some(0));
    Ok(())
}
