//! `tests/own-plugin`: a program outside the workspace's crates, with a plugin and migrations of its own.

mod common;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, ensure};
use common::{
    Folder, Running, command, data, ended,
    running::{LIMIT, ask_blocking},
};
use serde_json::json;
use weir_testkit::eventually;

/// Weir's crates are no members there; without this they would be optimised as dependencies are, and that takes longest.
const WEIR: [&str; 8] = ["weir", "weir-api", "weir-ingest", "weir-migrate", "weir-model", "weir-plugin", "weir-postgres", "weir-store"];

/// Builds it as a stranger would, but with the versions and the finished dependencies of this workspace.
async fn build() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let example = root.join("tests/own-plugin");
    std::fs::copy(root.join("Cargo.lock"), example.join("Cargo.lock"))?;
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--offline", "--manifest-path"]).arg(example.join("Cargo.toml")).arg("--target-dir").arg(&target);
    for name in WEIR {
        cargo.arg("--config").arg(format!("profile.dev.package.{name}.opt-level=0"));
    }
    let built = ask_blocking(move || cargo.output()).await?;
    ensure!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Ok(target.join("debug/own-plugin"))
}

#[tokio::test]
async fn a_program_with_its_own_plugin_is_built_and_answers() -> Result<()> {
    let program = build().await?;
    let folder = Folder::new()?;
    let data_dir = folder.arg();
    let own = ["--data-dir", &data_dir, "--plugins", "slow_builds,daily_totals"];
    let serve = [&own[..], &["--port", "0", "--kafka-port", "0", "--no-sample"]].concat();
    let running = Running::of(command(&program, &serve)).await?;
    running.produce((1..=2).map(data::build).chain([data::reading(1)])).await?;
    running.stored(&folder, 3).await?;

    let slow = running.json("/plugins/slow_builds?over_ms=1000").await?;
    let project = "29c1071c-9b60-4447-ae92-b1ef1b067dbf";
    let expected = [1, 2].map(|n| json!({"build": data::build_id(n), "project": project, "steps_ms": 1001}));
    assert_eq!(slow, json!(expected));
    assert_eq!(running.json("/plugins/slow_builds?over_ms=1001").await?, json!([]));
    let totals = eventually(LIMIT, async || running.json("/plugins/daily_totals").await.ok()).await?;
    assert_eq!(totals.as_array().map(Vec::len), Some(3), "Weir's own are there, too: {totals}");

    let status = ended(command(&program, &[&["migrate", "status"], &own[..]].concat())).await?;
    assert!(status.stdout.contains("applied  slow_builds    V1 times"), "{status:?}");
    assert_eq!(running.interrupt().await?.code, Some(0));
    Ok(())
}
