//! A signal stops the program: it finishes the running batch, stops PostgreSQL, and frees its
//! ports.

use std::{
    net::TcpListener,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use weir_testkit::eventually;

use crate::common::{
    Folder, Running, command, data,
    running::{PATIENCE, count},
};

#[tokio::test]
async fn interrupted_or_terminated_it_ends_well_within_seconds() -> Result<()> {
    let folder = Folder::new()?;
    for signal in ["INT", "TERM"] {
        let weir = Running::start(&folder, &[]).await?;
        let ports = [weir.http, weir.kafka_port().parse()?];
        let before = count(&folder.sql().await?, "SELECT count(*) FROM events").await?;
        weir.produce((0..100).map(data::reading)).await?;
        weir.stored(&folder, before + 100).await?;
        let begun = Instant::now();
        let ended = weir.stop(signal).await?;
        assert_eq!(ended.code, Some(0), "{signal}: {}", ended.stderr);
        assert!(begun.elapsed() < Duration::from_secs(30), "{signal} took {:?}", begun.elapsed());
        assert!(
            !folder.data().join("postgres/postmaster.pid").exists(),
            "PostgreSQL was not stopped"
        );
        assert!(!folder.data().join("database-url").exists(), "its address lies around");
        for port in ports {
            // Another test's server may use the port in the meantime.
            let free = eventually(PATIENCE, async || TcpListener::bind(("127.0.0.1", port)).ok());
            free.await.with_context(|| format!("{signal}: port {port}"))?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_running_batch_is_finished_first() -> Result<()> {
    let folder = Folder::new()?;
    let weir = Running::start(&folder, &[]).await?;
    weir.produce((0..10).map(data::reading)).await?;
    weir.stored(&folder, 10).await?;
    let lock = folder.sql().await?;
    lock.batch_execute("BEGIN; SELECT FROM stream_partitions FOR UPDATE").await?;
    weir.produce((10..20).map(data::reading)).await?;
    let sql = folder.sql().await?;
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'weir' AND wait_event_type = 'Lock'";
    eventually(PATIENCE, async || count(&sql, waiting).await.ok().filter(|n| *n > 0)).await?;
    let unlock = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        lock.batch_execute("COMMIT").await
    };
    let (ended, unlocked) = tokio::join!(weir.interrupt(), unlock);
    unlocked?;
    let ended = ended?;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("the running batch is finished first"), "{}", ended.stderr);

    let weir = Running::start(&folder, &[]).await?;
    let stored = count(&folder.sql().await?, "SELECT count(*) FROM readings").await?;
    // A worker that takes over partitions while another one holds their batch may get the same
    // records again.
    let handed = ended.stderr.lines().filter(|line| line.contains("batch stored"));
    let said: i64 = handed
        .filter_map(|line| line.split("stored=").nth(1)?.split(' ').next()?.parse::<i64>().ok())
        .sum();
    assert!(stored > 10 && stored == said, "{stored} rows, {said} said: {}", ended.stderr);
    drop(weir);
    Ok(())
}

#[tokio::test]
async fn it_continues_when_its_output_is_not_read() -> Result<()> {
    let folder = Folder::new()?;
    let args = ["--data-dir", &folder.arg(), "--port", "0", "--kafka-port", "0", "--log", "debug"];
    let mut child = command(env!("CARGO_BIN_EXE_weir"), &args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // Simulates `weir 2>&1 | head -0`.
    drop((child.stdout.take(), child.stderr.take()));
    let done = eventually(PATIENCE, async || {
        count(&folder.sql().await.ok()?, "SELECT count(*) FROM builds")
            .await
            .ok()
            .filter(|n| *n == 3)
    });
    let done = done.await;
    let _ = std::process::Command::new("sh")
        .args(["-c", "kill -INT $0", &child.id().to_string()])
        .status();
    let status = eventually(PATIENCE, async || child.try_wait().ok().flatten()).await;
    let _ = child.kill();
    done.context("the samples were not stored")?;
    assert_eq!(status?.code(), Some(0));
    Ok(())
}
