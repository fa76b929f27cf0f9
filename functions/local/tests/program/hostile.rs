//! Hostile clients over real sockets. Each one harms only its own connection.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::common::{Folder, Running, running::PATIENCE};

async fn say(address: &str, text: &[u8]) -> Result<(String, Duration)> {
    let begun = Instant::now();
    let mut socket = TcpStream::connect(address).await?;
    // The server may close the connection before it has read everything.
    let _ = socket.write_all(text).await;
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    Ok((String::from_utf8_lossy(&answer).into_owned(), begun.elapsed()))
}

#[tokio::test]
async fn floods_and_slow_clients_are_turned_away() -> Result<()> {
    let folder = Folder::new()?;
    let weir = Running::start(&folder, &[]).await?;
    let address = format!("127.0.0.1:{}", weir.http);

    let many = "x-many: y\r\n".repeat(200);
    let (answer, _) =
        say(&address, format!("GET /build HTTP/1.1\r\nHost: localhost\r\n{many}\r\n").as_bytes())
            .await?;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let long = "x".repeat(1_000_000);
    let (answer, _) = say(
        &address,
        format!("GET /build HTTP/1.1\r\nHost: localhost\r\nx: {long}\r\n\r\n").as_bytes(),
    )
    .await?;
    assert!(
        answer.starts_with("HTTP/1.1 431") || answer.is_empty(),
        "{}",
        &answer[..answer.len().min(200)]
    );
    let (answer, _) =
        say(&address, format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())
            .await?;
    assert!(
        answer.starts_with("HTTP/1.1 4") || answer.is_empty(),
        "{}",
        &answer[..answer.len().min(200)]
    );
    for nonsense in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\n\r\n",
    ] {
        let (answer, _) = say(&address, nonsense).await?;
        assert!(answer.starts_with("HTTP/1.1 4") || answer.is_empty(), "{answer}");
    }
    // Requests that two servers could interpret differently.
    for hosts in [
        "",
        "Host: localhost\r\nHost: localhost\r\n",
        "Host: localhost\r\nHost: example.org\r\n",
        "Host: a b\r\n",
    ] {
        let (answer, _) = say(
            &address,
            format!("GET /build HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n").as_bytes(),
        )
        .await?;
        assert!(
            answer.starts_with("HTTP/1.1 400") && answer.contains("INVALID_HOST"),
            "{hosts}: {answer}"
        );
    }
    // One client sends half a head and nothing more. Another one announces a body and never sends
    // it: a route without a body does not wait for it.
    let (slow, body) = tokio::join!(
        say(&address, b"GET /build HTTP/1.1\r\nHost: loc"),
        say(&address, b"POST /v1/failures/retry HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\nConnection: close\r\n\r\nx"),
    );
    let (answer, elapsed) = slow?;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(elapsed < PATIENCE, "{elapsed:?}");
    let (answer, elapsed) = body?;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(elapsed < PATIENCE, "{elapsed:?}");
    weir.is_healthy().await?;
    let log = weir.stderr();
    assert!(!log.contains("panicked") && !log.to_lowercase().contains("error"), "{log}");
    weir.interrupt().await?;
    Ok(())
}
