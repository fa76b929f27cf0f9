//! Sends readings in one body to a real Kafka: a million readings in constant memory. Other bodies
//! are cut at different bytes while Kafka is killed and restarted.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use weir_testkit::{Database, eventually};

use crate::{
    apache::ApacheKafka,
    common::{Folder, Running, command, data, running::count},
};

const READINGS: usize = 1_000_000;
/// A debug build ingests about ten thousand records a second on a busy machine.
const INGEST_LIMIT: Duration = Duration::from_mins(10);

async fn start(kafka: &ApacheKafka, database: &Database, folder: &Folder) -> Result<Running> {
    let (address, url, data_dir) = (kafka.address(), database.url(), folder.arg());
    let args =
        ["--kafka", &address, "--database-url", &url, "--data-dir", &data_dir, "--port", "0"];
    Running::of(command(env!("CARGO_BIN_EXE_weir"), &args)).await
}

#[tokio::test]
#[ignore = "needs Apache Kafka: bash tests/external/kafka/run"]
async fn a_million_readings_in_one_body() -> Result<()> {
    let (kafka, database) = tokio::try_join!(ApacheKafka::start(), Database::empty())?;
    for topic in ["build_events", "readings"] {
        kafka.create_topic(topic, 8, &[]).await?;
    }
    let folder = Folder::new()?;
    let weir = start(&kafka, &database, &folder).await?;
    let mut socket = TcpStream::connect(("127.0.0.1", weir.http)).await?;
    let head = "POST /ingest HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n";
    socket.write_all(head.as_bytes()).await?;
    let mut begun_mb = 0;
    for first in (0..READINGS).step_by(1000) {
        if first == READINGS / 3 {
            begun_mb = weir.memory_mb()?;
        }
        let piece: String = (first..first + 1000).map(data::line).collect();
        socket.write_all(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes()).await?;
    }
    socket.write_all(b"0\r\n\r\n").await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    ensure!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("{}"), "{answer}");
    let ended_mb = weir.memory_mb()?;
    // The peak includes ingest's batches. `bench -- collect` measures the memory of collect.
    eprintln!(
        "memory at its peak: {begun_mb} MB after a third of the body, {ended_mb} MB after all of it"
    );
    let sql = database.client().await?;
    let wanted = i64::try_from(READINGS)?;
    let all = async || {
        count(&sql, "SELECT count(*) FROM events").await.ok().filter(|rows| *rows >= wanted)
    };
    assert_eq!(eventually(INGEST_LIMIT, all).await.with_context(|| weir.stderr())?, wanted);
    assert_eq!(count(&sql, "SELECT count(*) FROM readings").await?, wanted);
    Ok(())
}

/// The number of bodies that are cut, each at a different byte.
const BODIES: usize = 120;
const BODY_READINGS: usize = 300;

#[tokio::test]
#[ignore = "needs Apache Kafka: bash tests/external/kafka/run"]
async fn bodies_that_are_cut_and_sent_again_while_kafka_is_killed() -> Result<()> {
    let (mut kafka, database) = tokio::try_join!(ApacheKafka::start(), Database::empty())?;
    for topic in ["build_events", "readings"] {
        kafka.create_topic(topic, 8, &[]).await?;
    }
    let folder = Folder::new()?;
    let weir = start(&kafka, &database, &folder).await?;
    let mut dice: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut unavailable = 0;
    for n in 0..BODIES {
        let body: String = (n * BODY_READINGS..(n + 1) * BODY_READINGS).map(data::line).collect();
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let cut = usize::try_from(dice >> 33)? % body.len();
        cut_off(weir.http, &body, cut).await?;
        if n == BODIES / 2 {
            kafka.kill().await?;
            let (answer, ()) = tokio::try_join!(weir.ingest(body.as_bytes()), async {
                tokio::time::sleep(Duration::from_secs(2)).await;
                kafka.run().await
            })?;
            unavailable += usize::from(answer.status == 503);
            ensure!([200, 503].contains(&answer.status), "{answer:?}");
        }
        // Repeat the body until it is accepted, as a sender does.
        let through = async || {
            let answer = weir.ingest(body.as_bytes()).await.ok()?;
            (answer.status == 200).then_some(())
        };
        eventually(Duration::from_mins(2), through)
            .await
            .with_context(|| format!("body {n}: {}", weir.stderr()))?;
    }
    let sql = database.client().await?;
    let wanted = i64::try_from(BODIES * BODY_READINGS)?;
    let all = async || {
        count(&sql, "SELECT count(*) FROM readings").await.ok().filter(|rows| *rows >= wanted)
    };
    assert_eq!(
        eventually(INGEST_LIMIT, all).await.with_context(|| weir.stderr())?,
        wanted,
        "{unavailable} answers were 503"
    );
    let same = "SELECT count(*) FROM (SELECT sensor, timestamp FROM readings GROUP BY 1, 2 HAVING count(*) > 1) AS twice";
    assert_eq!(count(&sql, same).await?, 0);
    assert_eq!(count(&sql, "SELECT count(*) FROM failures").await?, 0);
    Ok(())
}

/// Sends the first bytes of a body, and closes the connection.
async fn cut_off(port: u16, body: &str, bytes: usize) -> Result<()> {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await?;
    let head = format!(
        "POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).await?;
    socket.write_all(&body.as_bytes()[..bytes]).await?;
    // Half of the senders close while the server reads, and half of them while it waits.
    if bytes.is_multiple_of(2) {
        let _ = timeout(Duration::from_millis(20), socket.read(&mut [0; 64])).await;
    }
    Ok(())
}
