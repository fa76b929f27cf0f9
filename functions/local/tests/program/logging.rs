//! The log lines on stderr.

use anyhow::{Context, Result};
use serde_json::Value;
use weir_testkit::eventually;

use crate::common::{Folder, Running, data, running::PATIENCE};

#[tokio::test]
async fn with_json_every_line_is_an_object_and_health_checks_have_none() -> Result<()> {
    let folder = Folder::new()?;
    let weir = Running::start(&folder, &["--log-format", "json"]).await?;
    weir.produce((0..10).map(data::reading)).await?;
    weir.stored(&folder, 10).await?;
    weir.get("/v1/readings?limit=1").await?;
    eventually(PATIENCE, async || {
        weir.stderr().lines().any(|line| line.contains("/v1/readings")).then_some(())
    })
    .await
    .with_context(|| weir.stderr())?;
    let ended = weir.interrupt().await?;
    let lines: Vec<Value> = ended
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).with_context(|| line.to_owned()))
        .collect::<Result<_>>()?;
    for line in &lines {
        for name in ["timestamp", "level", "target", "message"] {
            assert!(line[name].is_string(), "{name}: {line}");
        }
    }
    let count = |name: &str| {
        let batches = lines.iter().filter(|line| line["message"] == "batch stored");
        batches.filter_map(|line| line[name].as_i64()).sum::<i64>()
    };
    assert_eq!(count("stored"), 10, "{}", ended.stderr);
    assert_eq!((count("failed"), count("skipped")), (0, 0), "{}", ended.stderr);
    let paths: Vec<&str> = lines
        .iter()
        .filter(|line| line["target"] == "weir_api::access")
        .filter_map(|line| line["path"].as_str())
        .collect();
    assert_eq!(paths, ["/v1/readings"], "{}", ended.stderr);
    Ok(())
}
