//! Dumps in a folder, made and read as a user does.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::common::{Ended, Folder, Running, command, data, ended, running::count, weir};

async fn on(folder: &Folder, args: &[&str]) -> Result<Ended> {
    weir(&[args, &["--data-dir", &folder.arg()]].concat()).await
}

fn assert_says(ended: &Ended, says: &str) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains(says), "{says}: {ended:?}");
}

fn assert_one_line(ended: &Ended, says: &str) {
    assert_ne!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains(says) && ended.stderr.lines().count() == 1, "{says}: {ended:?}");
}

fn json_of(ended: &Ended) -> Result<Value> {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(&ended.stdout).with_context(|| ended.stdout.clone())
}

/// Returns the element of a list that is about the readings of a day.
fn of_day<'l>(list: &'l Value, day: &str) -> Result<&'l Value> {
    let is_found = |one: &&Value| one["model"] == "readings" && one["day"] == day;
    list.as_array().and_then(|all| all.iter().find(is_found)).with_context(|| list.to_string())
}

/// Dump, status, late data, a second dump, verify, the routes, and a restore into another folder.
#[tokio::test]
async fn from_one_folder_to_another() -> Result<()> {
    let folder = Folder::new()?;
    let weir = Running::start(&folder, &["--public-dumps", "readings"]).await?;
    weir.produce((1..=4).map(data::build).chain((0..1_000).map(data::reading))).await?;
    weir.stored(&folder, 1_004).await?;
    let sql = folder.sql().await?;
    let day: String = sql
        .query_one("SELECT min(\"timestamp\" AT TIME ZONE 'UTC')::date::text FROM readings", &[])
        .await?
        .try_get(0)?;
    let rows = count(
        &sql,
        &format!(
            "SELECT count(*) FROM readings WHERE (\"timestamp\" AT TIME ZONE 'UTC')::date = '{day}'"
        ),
    )
    .await?;

    assert_says(&on(&folder, &["dump", "status"]).await?, &format!("readings     {day} missing"));
    let dumped =
        on(&folder, &["dump", "--dump-date", &day, "--formats", "json,csv,parquet"]).await?;
    assert_says(&dumped, &format!("dumped readings {day}: {rows} rows"));
    assert_says(
        &on(&folder, &["dump", "status"]).await?,
        &format!("readings     {day} dumped  {rows} rows"),
    );
    assert_says(
        &on(&folder, &["dump", "verify"]).await?,
        &format!("equal readings {day}: {rows} rows in 3 files"),
    );
    assert_says(&on(&folder, &["dump", "status"]).await?, ", verified 20");
    let states = json_of(&on(&folder, &["dump", "status", "--json"]).await?)?;
    let state = of_day(&states, &day)?;
    assert_eq!((state["state"].as_str(), state["rows"].as_i64()), (Some("dumped"), Some(rows)));
    assert!(state["verified_at"].is_string(), "{state}");
    let results = json_of(&on(&folder, &["dump", "verify", "--json"]).await?)?;
    let result = of_day(&results, &day)?;
    assert_eq!((result["result"].as_str(), result["files"].as_i64()), (Some("equal"), Some(3)));

    let list = weir.json("/dumps?model=readings").await?;
    let href = list[0]["days"][0]["files"][1]["href"].as_str().context("a file")?.to_owned();
    assert_eq!(href, format!("/dumps/readings/{day}/csv/dt={day}/part-00000.csv.gz"));
    let manifest = weir.json(&format!("/dumps/readings/{day}")).await?;
    let file = weir.get(&href).await?;
    assert_eq!((file.status, manifest["rows"].as_i64()), (200, Some(rows)));

    let bad = on(&folder, &["restore", "--model", "readings", "--day", &day]).await?;
    assert_one_line(&bad, "the database already has rows of readings");
    let from = format!("file://{}", folder.data().join("dumps").display());
    let other = Folder::new()?;
    assert_says(&on(&other, &["migrate"]).await?, "applied");
    let restored =
        on(&other, &["restore", "--from", &from, "--model", "readings", "--day", &day]).await?;
    assert_says(&restored, &format!("restored readings {day}: {rows} rows"));
    assert_says(
        &on(&other, &["dump", "verify", "--blob-url", &from, "--models", "readings"]).await?,
        &format!("equal readings {day}"),
    );
    let missing =
        on(&other, &["restore", "--from", &from, "--model", "readings", "--day", "2001-01-01"])
            .await?;
    assert_one_line(&missing, "has no dump of readings 2001-01-01");
    Ok(())
}

/// An error is one clear line and leaves no partial file.
#[tokio::test]
async fn what_cannot_be_dumped_is_said_in_one_line() -> Result<()> {
    let folder = Folder::new()?;
    assert_says(&on(&folder, &["migrate"]).await?, "applied");
    assert_one_line(
        &on(&folder, &["dump", "--dump-date", "2999-01-01"]).await?,
        "2999-01-01 is not over yet",
    );
    let above = folder.above().to_owned();
    let file = above.join("file");
    std::fs::write(&file, "no folder")?;
    let url = format!("file://{}", file.join("dumps").display());
    assert_one_line(
        &on(&folder, &["dump", "--dump-date", "2026-01-01", "--blob-url", &url]).await?,
        "cannot create the folder",
    );
    let lacking = Folder::new()?;
    assert_one_line(&on(&lacking, &["dump", "status"]).await?, "has no database");
    Ok(())
}

/// A limit on the length of files simulates a full disk.
#[tokio::test]
async fn a_full_disk_is_said_and_leaves_nothing() -> Result<()> {
    let folder = Folder::new()?;
    let weir = Running::start(&folder, &[]).await?;
    weir.produce((0..3_000).map(data::reading)).await?;
    weir.stored(&folder, 3_000).await?;
    let day: String = folder
        .sql()
        .await?
        .query_one("SELECT min(\"timestamp\" AT TIME ZONE 'UTC')::date::text FROM readings", &[])
        .await?
        .try_get(0)?;
    let url = std::fs::read_to_string(folder.data().join("database-url"))?;
    let dumps = folder.above().join("full");
    let blob_url = format!("file://{}", dumps.display());
    let limited = "trap '' XFSZ; ulimit -f 4; exec \"$0\" \"$@\"";
    let args = [
        "-c",
        limited,
        env!("CARGO_BIN_EXE_weir"),
        "dump",
        "--dump-date",
        &day,
        "--models",
        "readings",
        "--formats",
        "json",
        "--blob-url",
        &blob_url,
        "--database-url",
        url.trim(),
    ];
    let full = ended(command("bash", &args)).await?;
    assert_one_line(&full, "cannot write in file://");
    assert!(!full.stderr.contains(url.trim()), "{full:?}");
    let folder_of_day = dumps.join(format!("readings/json/dt={day}"));
    let left = std::fs::read_dir(folder_of_day).map_or(0, Iterator::count);
    assert_eq!(left, 0, "no file is left");
    assert_says(
        &on(
            &folder,
            &["dump", "--dump-date", &day, "--models", "readings", "--blob-url", &blob_url],
        )
        .await?,
        "dumped readings",
    );
    Ok(())
}
