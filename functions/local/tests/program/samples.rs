//! A new folder gets sample events, once.

use anyhow::Result;
use weir_testkit::eventually;

use crate::common::{
    Folder, Running, command, data,
    running::{PATIENCE, count, until_count},
};

const SAMPLES: &str = "SELECT count(*) FROM events";

async fn start_with_samples(folder: &Folder) -> Result<Running> {
    Running::of(command(
        env!("CARGO_BIN_EXE_weir"),
        &["--data-dir", &folder.arg(), "--port", "0", "--kafka-port", "0"],
    ))
    .await
}

#[tokio::test]
async fn a_new_folder_gets_sample_events_once() -> Result<()> {
    let folder = Folder::new()?;
    let weir = start_with_samples(&folder).await?;
    let said = eventually(PATIENCE, async || {
        weir.stdout().lines().find(|line| line.contains("sample events")).map(str::to_owned)
    })
    .await?;
    let samples: i64 =
        said.split_whitespace().find_map(|word| word.parse().ok()).unwrap_or_default();
    assert!(samples > 0 && said.ends_with("to build_events, cdevents, readings"), "{said}");
    weir.stored(&folder, samples).await?;
    let builds = weir.json("/build").await?;
    assert_eq!(builds.as_array().map(Vec::len), Some(3), "{builds}");
    let sql = folder.sql().await?;
    assert!(count(&sql, "SELECT count(*) FROM readings").await? > 0);
    assert_eq!(count(&sql, "SELECT count(*) FROM failures").await?, 0);
    assert_eq!(weir.interrupt().await?.code, Some(0));

    let weir = start_with_samples(&folder).await?;
    weir.produce([data::build(1)]).await?;
    let sql = folder.sql().await?;
    until_count(&sql, "SELECT count(*) FROM builds", 4).await?;
    assert_eq!(count(&sql, SAMPLES).await?, samples + 1, "samples came twice");
    assert!(!weir.stdout().contains("sample events"), "{}", weir.stdout());
    Ok(())
}

#[tokio::test]
async fn no_sample_gives_none() -> Result<()> {
    let folder = Folder::new()?;
    let weir = Running::start(&folder, &[]).await?;
    weir.produce([data::build(1)]).await?;
    weir.stored(&folder, 1).await?;
    assert_eq!(weir.json("/build").await?, serde_json::json!([data::build_id(1)]));
    assert!(!weir.stdout().contains("sample events"));
    Ok(())
}
