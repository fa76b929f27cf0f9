//! Sends one request per connection. It uses HTTP/1.0, so that the end of the connection ends the
//! answer.

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// An answer with its whole body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Status line and headers, in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// Returns the body as JSON.
    pub(crate) fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_str(&self.body).with_context(|| format!("{} {}", self.status, self.body))
    }
}

pub(crate) async fn ask(
    port: u16,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &[u8],
) -> Result<Answer> {
    ask_at(port, "localhost", method, path, headers, body).await
}

/// Sends a request with this host name.
pub(crate) async fn ask_at(
    port: u16,
    host: &str,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &[u8],
) -> Result<Answer> {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await?;
    let mut head =
        format!("{method} {path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {}\r\n", body.len());
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    socket.write_all(head.as_bytes()).await?;
    socket.write_all(b"\r\n").await?;
    // A server may answer and close before it has read the whole body.
    let _ = socket.write_all(body).await;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await?;
    // The body may be binary, such as a dumped file.
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) =
        answer.split_once("\r\n\r\n").with_context(|| format!("an HTTP answer: {answer}"))?;
    let status = head.split(' ').nth(1).context("a status")?.parse()?;
    Ok(Answer { status, head: head.to_lowercase(), body: body.to_owned() })
}
