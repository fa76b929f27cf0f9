//! HTTP load: connections that send one request after another and count the answers.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The number of the clients' threads.
const JOBS: usize = 2;

/// Requests the paths in turn on `connections` connections for `time`. Returns the answers per
/// second, and the times of all answers.
pub(crate) async fn load(
    address: SocketAddr,
    paths: &[String],
    connections: usize,
    time: Duration,
) -> anyhow::Result<(f64, Vec<Duration>)> {
    // The clients have two separate threads, as pgbench's clients have (`--jobs=2`). One connection
    // needs only one.
    let threads = connections.min(JOBS);
    let begun = Instant::now();
    let jobs = (0..threads).map(|job| {
        let paths = paths.to_vec();
        let own: Vec<usize> = (job..connections).step_by(threads).collect();
        tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(ask(address, &paths, &own, time))
        })
    });
    let mut times = Vec::new();
    for job in futures_util::future::try_join_all(jobs).await? {
        times.extend(job?);
    }
    #[expect(clippy::cast_precision_loss, reason = "a count")]
    let rate = times.len() as f64 / begun.elapsed().as_secs_f64();
    Ok((rate, times))
}

/// Returns the times of all answers on these connections. Each connection begins at another path.
async fn ask(
    address: SocketAddr,
    paths: &[String],
    connections: &[usize],
    time: Duration,
) -> anyhow::Result<Vec<Duration>> {
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for &n in connections {
        let requests: Vec<Vec<u8>> = paths
            .iter()
            .map(|path| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes())
            .collect();
        tasks.spawn(async move {
            let mut socket = TcpStream::connect(address).await?;
            socket.set_nodelay(true)?;
            let (mut times, mut buffer) = (Vec::new(), Vec::new());
            for request in requests.iter().cycle().skip(n * 7919 % requests.len()) {
                let asked = Instant::now();
                socket.write_all(request).await?;
                one_answer(&mut socket, &mut buffer).await?;
                times.push(asked.elapsed());
                if begun.elapsed() >= time {
                    break;
                }
            }
            anyhow::Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(done) = tasks.join_next().await {
        times.extend(done??);
    }
    Ok(times)
}

/// Posts a body on an open connection. Returns the time until the answer, and the answer. Any
/// status other than 200 is an error.
pub(crate) async fn post(
    address: SocketAddr,
    path: &str,
    content_type: &str,
    body: &[u8],
) -> anyhow::Result<(Duration, String)> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n"
    );
    exchange(address, &head, body).await
}

/// Returns a short answer.
pub(crate) async fn get(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    Ok(exchange(address, &format!("GET {path} HTTP/1.1\r\n"), &[]).await?.1)
}

async fn exchange(
    address: SocketAddr,
    head: &str,
    body: &[u8],
) -> anyhow::Result<(Duration, String)> {
    let mut socket = TcpStream::connect(address).await?;
    let begun = Instant::now();
    socket
        .write_all([head, "Host: localhost\r\nConnection: close\r\n\r\n"].concat().as_bytes())
        .await?;
    socket.write_all(body).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    Ok((begun.elapsed(), answer))
}

/// Reads one answer with a length. Any status other than 200 is an error.
async fn one_answer(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<()> {
    buffer.clear();
    loop {
        if let Some(head) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            let text = std::str::from_utf8(&buffer[..head])?.to_ascii_lowercase();
            ensure!(text.starts_with("http/1.1 200"), "{text}");
            let length = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .context("no length")?;
            if buffer.len() >= head + 4 + length.trim().parse::<usize>()? {
                return Ok(());
            }
        }
        ensure!(socket.read_buf(buffer).await? > 0, "the server closed the connection");
    }
}

/// Reads a whole answer of any length and drops it. Returns the length of its body as transferred.
pub(crate) async fn drain(address: SocketAddr, path: &str, accept: &str) -> anyhow::Result<usize> {
    let mut socket = TcpStream::connect(address).await?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await?;
    let mut buffer = vec![0; 256 * 1024];
    let (mut bytes, mut tail) = (0, Vec::new());
    loop {
        let read = socket.read(&mut buffer).await?;
        if read == 0 {
            break;
        }
        if bytes == 0 {
            ensure!(
                buffer.starts_with(b"HTTP/1.1 200"),
                "{}",
                String::from_utf8_lossy(&buffer[..read.min(200)])
            );
        }
        bytes += read;
        tail = buffer[read.saturating_sub(5)..read].to_vec();
    }
    ensure!(tail.ends_with(b"0\r\n\r\n"), "the answer was cut off");
    Ok(bytes)
}
