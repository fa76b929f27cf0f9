//! Tests that a new program can start on the data of a program that was killed with `kill -9` and
//! whose server still runs.
//!
//! The killed program is this test program, which is started a second time with a folder as its
//! argument.
#![allow(
    clippy::disallowed_methods,
    reason = "a child of a test is told what to do by its environment"
)]

mod common;

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use common::{client, folder, quick};
use weir_postgres::{Options, Server};

const FOLDER: &str = "WEIR_POSTGRES_TEST_FOLDER";
const MARK: &str = "server pid ";

/// Does nothing in a plain run. As the child of the test below, it starts a server and waits to be
/// killed.
#[tokio::test]
async fn program_that_is_killed() -> Result<()> {
    let Some(folder) = env::var_os(FOLDER) else {
        return Ok(());
    };
    let data_dir = std::path::Path::new(&folder).join("postgres");
    let server = Server::start(Options::new(data_dir).setting("fsync", "off")).await?;
    client(&server.url("postgres"))
        .await?
        .batch_execute("CREATE TABLE kept AS SELECT 7 AS n")
        .await?;
    println!("\n{MARK}{}", server.pid().context("running")?);
    std::future::pending().await
}

#[tokio::test]
async fn the_server_of_a_killed_program_is_replaced() -> Result<()> {
    let folder = folder(0o755)?;
    let mut program = Command::new(env::current_exe()?)
        .args(["--exact", "program_that_is_killed", "--nocapture"])
        .env(FOLDER, folder.path())
        .stdout(Stdio::piped())
        .spawn()?;
    let lines = BufReader::new(program.stdout.take().context("piped")?).lines();
    let first =
        lines.map_while(Result::ok).find_map(|line| line.strip_prefix(MARK).map(str::to_owned));
    let first: u32 = first.context("the program started a server")?.parse()?;
    program.kill()?;
    program.wait()?;
    let pid_file = folder.path().join("postgres/postmaster.pid");
    assert!(pid_file.exists(), "the server outlived its program");

    let server = Server::start(quick(&folder)).await?;
    assert_ne!(server.pid(), Some(first));
    let row = client(&server.url("postgres")).await?.query_one("SELECT n FROM kept", &[]).await?;
    assert_eq!(row.get::<_, i32>(0), 7);
    server.stop().await?;
    assert!(!pid_file.exists());
    Ok(())
}
