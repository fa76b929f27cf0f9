//! Tests of the shared server, the databases of tests, and the server to crash.
#![allow(
    clippy::disallowed_methods,
    reason = "a child of a test is told what to do by its environment"
)]

use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};
use weir_testkit::{Crashable, Database, PATIENCE, eventually, postgres};

static SETUPS: AtomicU32 = AtomicU32::new(0);

async fn migrated() -> Result<Database> {
    Database::create("numbers", async |url| {
        SETUPS.fetch_add(1, Ordering::Relaxed);
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
        // The template must be usable although this connection stays open.
        tokio::spawn(connection);
        client.batch_execute("CREATE TABLE numbers (n int)").await?;
        std::mem::forget(client);
        Ok(())
    })
    .await
}

async fn own_number(n: i32) -> Result<()> {
    let database = migrated().await?;
    let client = database.client().await?;
    client.execute("INSERT INTO numbers VALUES ($1)", &[&n]).await?;
    let rows = client.query("SELECT n FROM numbers", &[]).await?;
    assert_eq!(rows.len(), 1, "another test's rows are elsewhere");
    assert_eq!(rows[0].get::<_, i32>(0), n);
    assert_eq!(SETUPS.load(Ordering::Relaxed), 1);
    Ok(())
}

#[tokio::test]
async fn a_test_has_its_own_database() -> Result<()> {
    own_number(1).await
}

#[tokio::test]
async fn another_test_on_another_runtime_too() -> Result<()> {
    own_number(2).await
}

#[test]
fn and_many_at_once() -> Result<()> {
    let run = |n| -> Result<()> {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(own_number(n))
    };
    std::thread::scope(|scope| {
        let all: Vec<_> = (10..30).map(|n| scope.spawn(move || run(n))).collect();
        all.into_iter().try_for_each(|one| one.join().expect("no panic"))
    })
}

#[tokio::test]
async fn a_failed_setup_is_told_and_tried_again() -> Result<()> {
    let failed = Database::create("fails_once", async |_| bail!("no such luck")).await;
    assert!(format!("{:#}", failed.expect_err("fails")).contains("no such luck"));
    Database::create("fails_once", async |_| Ok(())).await?;
    Database::empty().await?;
    Ok(())
}

#[tokio::test]
async fn a_dropped_database_goes() -> Result<()> {
    let database = Database::empty().await?;
    let name = database.url().rsplit_once('/').context("a name")?.1.to_owned();
    let other = Database::empty().await?.client().await;
    drop((database, other));
    let (client, connection) =
        tokio_postgres::connect(&postgres().url("postgres"), tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    eventually(PATIENCE, async || {
        let found =
            client.query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&name]).await;
        found.is_ok_and(|row| row.is_none()).then_some(())
    })
    .await
}

#[tokio::test]
async fn what_was_committed_survives_a_crash() -> Result<()> {
    let mut server = Crashable::start(false).await?;
    server.create_database("crash").await?;
    let client = server.client("crash").await?;
    client.batch_execute("CREATE TABLE t AS SELECT 1 AS n").await?;
    client.batch_execute("BEGIN; INSERT INTO t VALUES (2)").await?;
    server.kill_hard().await?;
    assert!(client.batch_execute("COMMIT").await.is_err());
    assert!(server.client("crash").await.is_err());
    server.restart().await?;
    let row = server.client("crash").await?.query_one("SELECT sum(n)::int FROM t", &[]).await?;
    assert_eq!(row.get::<_, i32>(0), 1);
    Ok(())
}

const CHILD: &str = "WEIR_TESTKIT_TEST_CHILD";
const MARK: &str = "data folder ";

/// Does nothing in a plain test run. The test below starts it as a child process, which uses a
/// server until it is killed.
#[tokio::test]
async fn program_that_is_killed() -> Result<()> {
    if env::var_os(CHILD).is_none() {
        return Ok(());
    }
    let database = Database::empty().await?;
    let row = database.client().await?.query_one("SHOW data_directory", &[]).await?;
    println!("\n{MARK}{}", row.get::<_, String>(0));
    std::future::pending().await
}

#[tokio::test]
async fn server_and_folder_go_with_the_program_even_when_it_is_killed() -> Result<()> {
    let mut program = Command::new(env::current_exe()?)
        .args(["--exact", "program_that_is_killed", "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .spawn()?;
    let lines = BufReader::new(program.stdout.take().context("piped")?).lines();
    let data =
        lines.map_while(Result::ok).find_map(|line| line.strip_prefix(MARK).map(str::to_owned));
    let data = data.context("the program started a server")?;
    let folder = Path::new(&data).parent().context("a parent")?;
    assert!(folder.exists());
    let pid = std::fs::read_to_string(Path::new(&data).join("postmaster.pid"))?;
    let pid = pid.lines().next().context("a process id")?;
    program.kill()?;
    program.wait()?;
    let gone = async || {
        let alive = Command::new("sh").args(["-c", "kill -0 \"$0\" 2>/dev/null", pid]).status();
        (!folder.exists() && alive.is_ok_and(|status| !status.success())).then_some(())
    };
    eventually(PATIENCE, gone).await
}
