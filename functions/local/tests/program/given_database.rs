//! `--database-url`: an external PostgreSQL.

use anyhow::Result;
use weir_testkit::{Database, eventually};

use crate::common::{
    Folder, Running, data,
    running::{PATIENCE, count, until_count},
    weir,
};

#[tokio::test]
async fn a_given_database_is_migrated_and_gets_no_samples() -> Result<()> {
    let database = Database::empty().await?;
    let folder = Folder::new()?;
    let url = database.url();
    let unmigrated =
        weir(&["--database-url", &url, "--no-migrate", "--port", "0", "--kafka-port", "0"]).await?;
    assert_eq!(unmigrated.code, Some(2), "{unmigrated:?}");
    assert!(
        unmigrated.stderr.contains("run `weir migrate`") && unmigrated.stderr.lines().count() == 1,
        "{unmigrated:?}"
    );

    let program = crate::common::command(
        env!("CARGO_BIN_EXE_weir"),
        &["--data-dir", &folder.arg(), "--database-url", &url, "--port", "0", "--kafka-port", "0"],
    );
    let running = Running::of(program).await?;
    running.produce((1..=2).map(data::build)).await?;
    let sql = database.client().await?;
    until_count(&sql, "SELECT count(*) FROM builds", 2).await?;
    assert_eq!(count(&sql, "SELECT count(*) FROM events").await?, 2, "no samples");
    assert!(!folder.data().exists(), "nothing is made on this disk");
    let status = weir(&["migrate", "status", "--database-url", &url]).await?;
    assert!(status.code == Some(0) && !status.stdout.contains("missing"), "{status:?}");
    let secret = url.split(['@', ':']).nth(2).unwrap_or_default();
    let ended = running.interrupt().await?;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        !secret.is_empty() && !ended.stderr.contains(secret) && !ended.stdout.contains(secret),
        "the password was printed"
    );

    let again = Running::start(&folder, &["--database-url", &url, "--no-migrate"]).await?;
    again.produce([data::build(3)]).await?;
    until_count(&sql, "SELECT count(*) FROM builds", 3).await?;
    eventually(PATIENCE, async || {
        again
            .json("/build")
            .await
            .ok()
            .filter(|ids| ids.as_array().is_some_and(|all| all.len() == 3))
    })
    .await?;
    Ok(())
}
