//! A running `weir` server.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    io::Read,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tokio::sync::oneshot;
use weir_kafka::{OutgoingRecord, Producer};
use weir_testkit::{connects_once, eventually};

use super::{
    Folder, command,
    folder::signal,
    http::{Answer, ask, ask_at},
};

pub(crate) use weir_testkit::PATIENCE;

const INVOKE: &str = "/2015-03-31/functions/ingest/invocations";

/// The exit code and the output of a program that ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A running program. It is stopped on drop.
pub(crate) struct Running {
    child: Child,
    out: Text,
    err: Text,
    /// The port of HTTP.
    pub(crate) http: u16,
    /// The address of Kafka in the banner.
    pub(crate) kafka: String,
}

impl Running {
    /// Starts `weir` on the folder, on free ports and without samples, and waits until it is ready.
    pub(crate) async fn start(folder: &Folder, args: &[&str]) -> Result<Self> {
        let data = folder.arg();
        let own = ["--data-dir", &data, "--port", "0", "--kafka-port", "0", "--no-sample"];
        Self::of(command(crate::PROGRAM, &[&own, args].concat())).await
    }

    /// Starts this command and waits until it is ready.
    pub(crate) async fn of(mut command: Command) -> Result<Self> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let out = Text::of(child.stdout.take().context("stdout")?);
        let err = Text::of(child.stderr.take().context("stderr")?);
        let mut running = Self { child, out, err, http: 0, kafka: String::new() };
        let banner = eventually(PATIENCE, async || {
            let over = matches!(running.child.try_wait(), Ok(Some(_)));
            let text = running.out.get();
            (text.contains("\ntry\n") || over).then_some(text)
        });
        let banner = banner.await?;
        running.http = value(&banner, "HTTP")
            .and_then(|url| url.rsplit(':').next()?.parse().ok())
            .unwrap_or_default();
        running.kafka = value(&banner, "Kafka").unwrap_or_default();
        if running.http == 0 {
            bail!("weir did not start: {banner}{}", running.err.get());
        }
        running.is_healthy().await?;
        Ok(running)
    }

    /// Waits until `/healthz` answers 200. A slow check of the database by another request may
    /// delay it.
    pub(crate) async fn is_healthy(&self) -> Result<()> {
        let healthy = eventually(PATIENCE, async || {
            self.get("/healthz").await.ok().filter(|answer| answer.status == 200)
        });
        healthy.await.with_context(|| self.stderr())?;
        Ok(())
    }

    pub(crate) fn stdout(&self) -> String {
        self.out.get()
    }

    pub(crate) fn stderr(&self) -> String {
        self.err.get()
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer> {
        ask(self.http, "GET", path, &[], &[]).await
    }

    pub(crate) async fn get_with(&self, headers: &[&str], path: &str) -> Result<Answer> {
        ask(self.http, "GET", path, headers, &[]).await
    }

    pub(crate) async fn json(&self, path: &str) -> Result<serde_json::Value> {
        self.get(path).await?.json()
    }

    /// Posts an event to Lambda's Invoke path.
    pub(crate) async fn invoke(&self, headers: &[&str], event: &[u8]) -> Result<Answer> {
        ask(self.http, "POST", INVOKE, headers, event).await
    }

    /// Posts an event to Lambda's Invoke path by another host name of this machine.
    pub(crate) async fn invoke_at(&self, host: &str, event: &[u8]) -> Result<Answer> {
        ask_at(self.http, host, "POST", INVOKE, &[], event).await
    }

    pub(crate) async fn post(&self, path: &str, body: &[u8]) -> Result<Answer> {
        ask(self.http, "POST", path, &[], body).await
    }

    pub(crate) async fn post_with(
        &self,
        headers: &[&str],
        path: &str,
        body: &[u8],
    ) -> Result<Answer> {
        ask(self.http, "POST", path, headers, body).await
    }

    /// Posts NDJSON to `/ingest`.
    pub(crate) async fn ingest(&self, body: &[u8]) -> Result<Answer> {
        self.post_with(&["Content-Type: application/x-ndjson"], "/ingest", body).await
    }

    /// Returns the peak memory in MB.
    pub(crate) fn memory_mb(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let peak = status.lines().find_map(|line| {
            line.strip_prefix("VmHWM:")?.trim().split(' ').next()?.parse::<u64>().ok()
        });
        Ok(peak.context("no VmHWM")? / 1024)
    }

    /// Returns the port of the embedded broker.
    pub(crate) fn kafka_port(&self) -> &str {
        self.kafka.rsplit(':').next().unwrap_or_default()
    }

    pub(crate) fn producer(&self) -> Result<Producer> {
        Ok(Producer::new(&self.kafka, &BTreeMap::new())?)
    }

    /// Writes records to Kafka as any client does, and waits for each acknowledgement.
    pub(crate) async fn produce(
        &self,
        records: impl IntoIterator<Item = OutgoingRecord>,
    ) -> Result<u64> {
        publish(&self.producer()?, records).await
    }

    /// Waits until the log holds this number of records.
    pub(crate) async fn stored(&self, folder: &Folder, records: i64) -> Result<()> {
        let sql = folder.sql().await?;
        until_count(&sql, "SELECT count(*) FROM events", records)
            .await
            .with_context(|| self.stderr())
    }

    /// Ends the program with a signal, and returns its output.
    pub(crate) async fn stop(mut self, with: &str) -> Result<Ended> {
        signal(self.child.id(), with);
        let ended = eventually(PATIENCE, async || self.child.try_wait().ok().flatten()).await;
        let status = ended.with_context(|| format!("it does not stop: {}", self.stderr()))?;
        self.out.end();
        self.err.end();
        Ok(Ended { code: status.code(), stdout: self.stdout(), stderr: self.stderr() })
    }

    pub(crate) async fn interrupt(self) -> Result<Ended> {
        self.stop("INT").await
    }

    /// Kills the program with SIGKILL.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The test harness shows it only where the test fails.
        eprintln!("weir said:\n{}", self.stderr());
        // Gently first: it has a PostgreSQL to stop.
        for (name, tries) in [("INT", 200), ("KILL", 20)] {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            signal(self.child.id(), name);
            for _ in 0..tries {
                if matches!(self.child.try_wait(), Ok(None)) {
                    thread::sleep(Duration::from_millis(50));
                }
            }
        }
    }
}

/// Publishes records in order, without waiting for the reader.
pub(crate) async fn publish(
    producer: &Producer,
    records: impl IntoIterator<Item = OutgoingRecord>,
) -> Result<u64> {
    Ok(producer.publish_all(records).await?)
}

/// Repeats the query until it returns the wanted count.
pub(crate) async fn until_count(
    sql: &tokio_postgres::Client,
    query: &str,
    wanted: i64,
) -> Result<()> {
    let mut last = -1;
    let come = eventually(PATIENCE, async || {
        last = count(sql, query).await.unwrap_or(-1);
        (last == wanted).then_some(())
    });
    come.await.with_context(|| format!("{query}: {last}, not {wanted}"))
}

/// Runs a blocking function on the threads for blocking work.
pub(crate) async fn ask_blocking<T: Send + 'static>(
    question: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T> {
    Ok(tokio::task::spawn_blocking(question).await??)
}

/// Returns the single number of a query.
pub(crate) async fn count(sql: &tokio_postgres::Client, query: &str) -> Result<i64> {
    Ok(sql.query_one(query, &[]).await?.try_get(0)?)
}

/// Writes records as fast as the broker accepts them, until it is dropped.
pub(crate) struct Load {
    over: Option<oneshot::Sender<Infallible>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Load {
    /// Starts the load on its own thread and runtime.
    pub(crate) fn start(
        weir: &Running,
        mut records: impl Iterator<Item = OutgoingRecord> + Send + 'static,
    ) -> Result<Self> {
        // `localhost` may have two addresses, of which only one may have a listener.
        let producer =
            Producer::new(&format!("127.0.0.1:{}", weir.kafka_port()), &connects_once())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (over, told) = oneshot::channel();
        let thread = thread::spawn(move || {
            let write =
                async { while publish(&producer, records.by_ref().take(200)).await.is_ok() {} };
            runtime.block_on(async {
                tokio::select! { () = write => {} _ = told => {} }
            });
        });
        Ok(Self { over: Some(over), thread: Some(thread) })
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.over = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Returns the last word of a line of the banner that begins with `name`.
fn value(banner: &str, name: &str) -> Option<String> {
    let line = banner.lines().find_map(|line| line.trim_start().strip_prefix(name))?;
    line.split_whitespace().next_back().map(str::to_owned)
}

/// The output of a stream so far.
struct Text {
    said: Arc<Mutex<Vec<u8>>>,
    reader: Option<thread::JoinHandle<()>>,
}

impl Text {
    fn of(mut stream: impl Read + Send + 'static) -> Self {
        let said = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&said);
        let reader = thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = stream.read(&mut bytes) {
                into.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend_from_slice(&bytes[..read]);
            }
        });
        Self { said, reader: Some(reader) }
    }

    fn get(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().unwrap_or_else(PoisonError::into_inner))
            .into_owned()
    }

    /// Reads the stream to its end.
    fn end(&mut self) {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}
