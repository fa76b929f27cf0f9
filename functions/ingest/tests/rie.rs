//! The function under AWS's Runtime Interface Emulator, as it ships in aws-sam-cli. Started by `tests/rie/run`.
#![allow(clippy::disallowed_methods, reason = "tests read the environment")]

use std::{net::TcpListener, path::PathBuf, process::Stdio, time::Duration};

use anyhow::Context;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::Command,
};
use weir_testkit::{Database, KafkaEvent, Record, eventually};

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// POSTs an event to the emulator; gives the body of the answer.
async fn invoke(port: u16, event: &[u8]) -> anyhow::Result<String> {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await?;
    let head = format!(
        "POST /2015-03-31/functions/function/invocations HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        event.len()
    );
    socket.write_all(head.as_bytes()).await?;
    socket.write_all(event).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    Ok(answer.split_once("\r\n\r\n").context("an HTTP answer")?.1.to_owned())
}

#[tokio::test]
async fn a_batch_goes_through_awss_own_emulator() -> anyhow::Result<()> {
    let emulator: PathBuf =
        std::env::var_os("WEIR_TEST_RIE").context("the emulator is missing: run tests/rie/run, which fetches it")?.into();
    let database = Database::create("rie", async |url: String| {
        let store = weir_store::Store::new(&weir_store::DatabaseConfig::from_url(url))?;
        weir_store::migrate::run(&store, &weir_model::models::builtin(), &Vec::new()).await?;
        Ok(())
    })
    .await?;
    let (port, api) = (free_port()?, free_port()?);
    let mut child = Command::new(emulator)
        .args(["--runtime-interface-emulator-address", &format!("127.0.0.1:{port}"), "--runtime-api-address", &format!("127.0.0.1:{api}")])
        .arg(env!("CARGO_BIN_EXE_ingest"))
        .env("DATABASE_URL", database.url())
        .env("AWS_LAMBDA_FUNCTION_TIMEOUT", "60")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    eventually(Duration::from_secs(20), async || TcpStream::connect(("127.0.0.1", port)).await.ok()).await?;
    let record = |offset| Record {
        topic: "readings".into(),
        offset,
        value: format!(r#"{{"sensor":"speed","value":{offset},"timestamp":"2026-01-01T00:00:0{offset}Z"}}"#).into(),
        ..Record::default()
    };
    let event = KafkaEvent::new((0..5).map(record).collect::<Vec<_>>()).to_bytes();
    for _ in 0..2 {
        let body = invoke(port, &event).await?;
        assert_eq!(serde_json::from_str::<serde_json::Value>(&body)?, serde_json::json!({"batchItemFailures": []}), "{body}");
    }
    let wrong = invoke(port, b"{}").await?;
    assert!(wrong.contains("not the event of a Kafka event source mapping"), "{wrong}");
    let rows: i64 = database.client().await?.query_one("SELECT count(*) FROM readings", &[]).await?.get(0);
    assert_eq!(rows, 5);
    child.kill().await?;
    Ok(())
}
