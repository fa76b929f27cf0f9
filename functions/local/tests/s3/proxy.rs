//! A small HTTP/1.1 proxy for the S3 server. It causes configured faults.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// The largest request in bytes: a part and its head.
const REQUEST_BYTES_MAX: usize = 32 * 1024 * 1024;

/// How late a slow answer is.
const SLOW: std::time::Duration = std::time::Duration::from_millis(500);

/// The rates of the faults, in percent.
#[derive(Clone, Copy, Default)]
pub(crate) struct Faults {
    /// Answers 503 without sending the request to the server.
    pub unavailable: u64,
    /// Cuts the connection in the middle of the request.
    pub cut: u64,
    /// Sends the request to the server, and cuts the connection before the answer.
    pub lost: u64,
    /// Answers a read with 404.
    pub missing: u64,
    /// Sends half of the answer to a read.
    pub truncated: u64,
    /// Sends the whole answer late.
    pub slow: u64,
}

/// The proxy. It ends on drop.
pub(crate) struct Proxy {
    /// The URL of the proxy.
    pub url: String,
    /// The number of requests, and the number of spoilt ones.
    pub requests: Arc<AtomicUsize>,
    pub spoilt: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// Starts a proxy for `server`, a URL. The same seed spoils the same requests.
    pub(crate) async fn start(server: &str, faults: Faults, seed: u64) -> Result<Self> {
        let server = server.strip_prefix("http://").context("a URL")?.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (requests, spoilt, dice) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicU64::new(seed)),
        );
        let (requests2, spoilt2) = (requests.clone(), spoilt.clone());
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, requests, spoilt) =
                    (server.clone(), requests2.clone(), spoilt2.clone());
                let thrown = throw(&dice);
                tokio::spawn(async move {
                    requests.fetch_add(1, Ordering::Relaxed);
                    if matches!(serve(client, &server, faults, thrown).await, Ok(true)) {
                        spoilt.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        Ok(Self { url, requests, spoilt, task })
    }
}

/// Returns a number below 100 (`splitmix64`).
fn throw(dice: &AtomicU64) -> u64 {
    let mut z = dice.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % 100
}

/// Serves one request per connection. Returns whether it was spoilt.
async fn serve(mut client: TcpStream, server: &str, faults: Faults, thrown: u64) -> Result<bool> {
    let Faults { unavailable, cut, lost, missing, truncated, slow } = faults;
    let mut request = Vec::new();
    let head_end = loop {
        if let Some(at) = request.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        anyhow::ensure!(
            client.read_buf(&mut request).await? > 0 && request.len() < 64 * 1024,
            "no request"
        );
    };
    let head = String::from_utf8_lossy(&request[..head_end]).into_owned();
    let header = |name: &str| {
        head.lines().find_map(|line| {
            line.split_once(':')
                .filter(|(n, _)| n.eq_ignore_ascii_case(name))
                .map(|(_, v)| v.trim().to_owned())
        })
    };
    let length: usize = header("content-length").map_or(Ok(0), |n| n.parse())?;
    anyhow::ensure!(length < REQUEST_BYTES_MAX, "too long");
    if (unavailable..unavailable + cut).contains(&thrown) {
        // Read a part of the body, if there is one: a client that has sent everything waits for the
        // answer.
        if request.len() < head_end + length {
            let _ = client.read_buf(&mut request).await;
        }
        return Ok(true);
    }
    while request.len() < head_end + length {
        anyhow::ensure!(client.read_buf(&mut request).await? > 0, "cut");
    }
    if thrown < unavailable {
        let body = "<Error><Code>SlowDown</Code><Message>spoilt</Message></Error>";
        let answer = format!(
            "HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        client.write_all(answer.as_bytes()).await?;
        client.shutdown().await?;
        return Ok(true);
    }
    let after_lost = unavailable + cut + lost;
    let is_read = head.starts_with("GET ");
    if is_read && (after_lost..after_lost + missing).contains(&thrown) {
        let body = "<Error><Code>NoSuchKey</Code><Message>spoilt</Message></Error>";
        let answer = format!(
            "HTTP/1.1 404 Not Found\r\nContent-Type: application/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        client.write_all(answer.as_bytes()).await?;
        client.shutdown().await?;
        return Ok(true);
    }
    let mut upstream = TcpStream::connect(server).await?;
    let (line, rest) = head.split_once("\r\n").context("a request line")?;
    let rest: Vec<&str> =
        rest.split("\r\n").filter(|l| !l.to_ascii_lowercase().starts_with("connection:")).collect();
    upstream
        .write_all(format!("{line}\r\nConnection: close\r\n{}", rest.join("\r\n")).as_bytes())
        .await?;
    upstream.write_all(&request[head_end..]).await?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer).await?;
    if (unavailable + cut..unavailable + cut + lost).contains(&thrown) {
        return Ok(true);
    }
    let after_missing = after_lost + missing;
    if is_read && (after_missing..after_missing + truncated).contains(&thrown) {
        client.write_all(&answer[..answer.len() / 2]).await?;
        return Ok(true);
    }
    let after_truncated = after_missing + truncated;
    let is_slow = (after_truncated..after_truncated + slow).contains(&thrown);
    if is_slow {
        tokio::time::sleep(SLOW).await;
    }
    client.write_all(&answer).await?;
    client.shutdown().await?;
    Ok(is_slow)
}
