//! A serving `weir`, and requests to it.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use tokio::process::{Child, Command};

use crate::load::post;

const START_LIMIT: Duration = Duration::from_mins(1);

/// A serving `weir`. It is killed on drop.
pub(crate) struct Weir {
    child: Child,
    pub address: SocketAddr,
}

impl Weir {
    /// Starts the program on a free port and waits until it is ready. Without `kafka` it runs its
    /// embedded broker.
    pub(crate) async fn start(
        program: &Path,
        data: &Path,
        database: &str,
        kafka: Option<&str>,
    ) -> anyhow::Result<Self> {
        let kafka = kafka.map_or(["--kafka-port", "0"], |kafka| ["--kafka", kafka]);
        Self::start_with(program, data, database, &kafka).await
    }

    /// Starts the program with these flags about Kafka.
    pub(crate) async fn start_with(
        program: &Path,
        data: &Path,
        database: &str,
        kafka: &[&str],
    ) -> anyhow::Result<Self> {
        ensure!(
            program.is_file(),
            "{} is missing: cargo build --release -p weir",
            program.display()
        );
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, weir_testkit::free_port()?));
        let mut command = Command::new(program);
        command.args([
            "--database-url",
            database,
            "--port",
            &address.port().to_string(),
            "--log",
            "warn",
            "--no-sample",
            "--data-dir",
        ]);
        command.arg(data).args(kafka).stdout(Stdio::null()).kill_on_drop(true);
        let mut weir = Self { child: command.spawn()?, address };
        let begun = Instant::now();
        while crate::load::get(address, "/healthz").await.is_err() {
            ensure!(
                weir.child.try_wait()?.is_none() && begun.elapsed() < START_LIMIT,
                "weir does not start"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(weir)
    }

    /// Returns the time of one invocation of ingest over Lambda's Invoke path.
    pub(crate) async fn invoke(&self, event: &[u8]) -> anyhow::Result<Duration> {
        let (time, answer) = post(
            self.address,
            "/2015-03-31/functions/ingest/invocations",
            "application/json",
            event,
        )
        .await?;
        ensure!(!answer.contains("errorType"), "{answer}");
        Ok(time)
    }

    /// Returns the time of one `POST /ingest`.
    pub(crate) async fn ingest(&self, lines: &str) -> anyhow::Result<Duration> {
        let (time, answer) =
            post(self.address, "/ingest", "application/x-ndjson", lines.as_bytes()).await?;
        ensure!(answer.ends_with("{}"), "{answer}");
        Ok(time)
    }

    pub(crate) fn memory_mb(&self) -> anyhow::Result<f64> {
        memory_mb(&self.child.id().context("it ended")?.to_string())
    }

    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// Returns the peak memory of a process in MB; `self` is this process.
pub(crate) fn memory_mb(process: &str) -> anyhow::Result<f64> {
    let status =
        std::fs::read_to_string(format!("/proc/{process}/status")).context("this needs Linux")?;
    let peak = status.lines().find_map(|line| {
        line.strip_prefix("VmHWM:")?.trim().split(' ').next()?.parse::<f64>().ok()
    });
    Ok(peak.context("no VmHWM")? / 1024.0)
}

/// Returns the seconds of CPU that a process has used; `self` is this process.
pub(crate) fn cpu_seconds(process: &str) -> anyhow::Result<f64> {
    let stat =
        std::fs::read_to_string(format!("/proc/{process}/stat")).context("this needs Linux")?;
    // The name, which may have spaces, ends with the last parenthesis. The times of user and system
    // are the 14th and the 15th field, in hundredths of a second.
    let (_, fields) = stat.rsplit_once(')').context("no name")?;
    let ticks: Vec<f64> =
        fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    Ok(ticks.iter().sum::<f64>() / 100.0)
}
