//! An Apache Kafka for one measurement, and readings that become readable at one moment.

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    error::KafkaError,
    producer::{BaseProducer, BaseRecord, Producer},
    types::RDKafkaErrorCode,
};
use tokio::process::{Child, Command};
use tokio_postgres::Client;

use crate::{
    Usage,
    collect::{BEGINNING, SENSORS, reading},
    latency::now,
    program::Weir,
};

/// The partitions of a topic.
const PARTITIONS: i32 = 16;
/// Any id is valid, because the cluster is new.
const CLUSTER_ID: &str = "MkU3OEVBNTcwNTJENDM2Qk";
/// The script that fetches the jars, and its exit status when a program for it is missing.
const FETCH: (&str, i32) = (concat!(env!("CARGO_MANIFEST_DIR"), "/external/kafka/fetch"), 77);
const START_LIMIT: Duration = Duration::from_mins(1);
const STORE_LIMIT: Duration = Duration::from_mins(15);
/// The time for one request to the broker, and for all records to arrive there.
const SEND_LIMIT: Duration = Duration::from_mins(2);

/// A broker with one node. It is killed on drop.
pub(crate) struct ApacheKafka {
    _server: Child,
    address: String,
}

impl ApacheKafka {
    /// Fetches Apache Kafka if it was not fetched before, and starts it on a new folder.
    pub(crate) async fn start(folder: PathBuf) -> anyhow::Result<Self> {
        let fetched = Command::new("bash")
            .arg(FETCH.0)
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .output()
            .await
            .context("bash")?;
        ensure!(
            fetched.status.code() != Some(FETCH.1),
            Usage(
                "Apache Kafka is missing: install Java 17 and Maven, which fetches it".to_owned()
            )
        );
        ensure!(fetched.status.success(), "{}: {}", FETCH.0, fetched.status);
        let jars = String::from_utf8(fetched.stdout)?.trim().to_owned();
        let (port, controller) = (weir_testkit::free_port()?, weir_testkit::free_port()?);
        std::fs::create_dir_all(&folder)?;
        let properties = format!(
            "process.roles=broker,controller\nnode.id=1\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
             controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n\
             controller.listener.names=CONTROLLER\nlog.dirs={}\n\
             offsets.topic.replication.factor=1\ntransaction.state.log.replication.factor=1\n\
             transaction.state.log.min.isr=1\n",
            folder.join("log").display()
        );
        std::fs::write(folder.join("server.properties"), properties)?;
        let format = ["format", "-t", CLUSTER_ID, "-c", "server.properties", "--standalone"];
        let formatted = java(&jars, &folder, "kafka.tools.StorageTool", &format)?.wait().await?;
        ensure!(formatted.success(), "StorageTool: {}", said(&folder));
        let mut server = java(&jars, &folder, "kafka.Kafka", &["server.properties"])?;
        let address = format!("{}:{port}", Ipv4Addr::LOCALHOST);
        let begun = Instant::now();
        while tokio::net::TcpStream::connect(&address).await.is_err() {
            ensure!(
                server.try_wait()?.is_none() && begun.elapsed() < START_LIMIT,
                "Apache Kafka does not start: {}",
                said(&folder)
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(Self { _server: server, address })
    }

    async fn create_topic(&self, topic: &str) -> anyhow::Result<()> {
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", &self.address).create()?;
        let topic = NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1));
        for made in admin.create_topics([&topic], &AdminOptions::new()).await? {
            made.map_err(|(topic, code)| anyhow::anyhow!("topic {topic}: {code}"))?;
        }
        Ok(())
    }

    /// Starts a `weir` for a topic and a group of this name.
    pub(crate) async fn weir(
        &self,
        program: &Path,
        data: &Path,
        database: &str,
        name: &str,
        more: &[&str],
    ) -> anyhow::Result<Weir> {
        self.create_topic(name).await?;
        let topics = format!("{name}=readings");
        let flags = ["--kafka", &self.address, "--topics", &topics, "--group-id", name];
        Weir::start_with(program, data, database, &[&flags, more].concat()).await
    }

    /// Sends readings in one transaction, so that consumers can read none of them before all are in
    /// the log. Returns the seconds from then until the last one is visible in the database.
    pub(crate) async fn drain(
        &self,
        topic: &'static str,
        sql: &Client,
        first: usize,
        count: usize,
    ) -> anyhow::Result<f64> {
        let address = self.address.clone();
        let sent = tokio::task::spawn_blocking(move || send(&address, topic, first, count)).await;
        let readable = sent?.with_context(|| format!("sending to {topic}"))?;
        Ok(stored(sql, first, count).await? - readable)
    }
}

/// Returns the seconds since 1970 at which consumers can read the readings.
fn send(address: &str, topic: &str, first: usize, count: usize) -> anyhow::Result<f64> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("transactional.id", topic)
        .set("transaction.timeout.ms", "600000")
        .set("linger.ms", "20")
        .create()?;
    producer.init_transactions(SEND_LIMIT)?;
    producer.begin_transaction()?;
    for n in first..first + count {
        let (sensor, line) = reading(n);
        let partition = i32::try_from(n % usize::try_from(PARTITIONS)?)?;
        let mut record =
            BaseRecord::to(topic).partition(partition).key(SENSORS[sensor]).payload(&line);
        while let Err((error, back)) = producer.send(record) {
            ensure!(
                matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)),
                error
            );
            producer.poll(Duration::from_millis(10));
            record = back;
        }
        if n % 1000 == 0 {
            producer.poll(Duration::ZERO);
        }
    }
    producer.flush(SEND_LIMIT)?;
    let committed = now()?;
    producer.commit_transaction(SEND_LIMIT)?;
    Ok(committed)
}

/// Waits until these readings are stored. Returns the seconds since 1970 of their last commit.
async fn stored(sql: &Client, first: usize, count: usize) -> anyhow::Result<f64> {
    // Counting the rows all the time would slow the database down.
    let settled = "SELECT sum(next_offset)::bigint >= $1 FROM stream_partitions";
    let rows = "SELECT count(*), max(extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8)
        FROM readings WHERE \"timestamp\" >= to_timestamp($1) AND \"timestamp\" <= to_timestamp($2)";
    let all = i64::try_from(first + count)?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let seconds =
        |n: usize| (BEGINNING + i64::try_from(n / SENSORS.len()).unwrap_or_default()) as f64;
    // Both are whole seconds of six readings. Readings of the round before may share the first one.
    let range = (seconds(first), seconds(first + count - 1));
    let begun = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if sql.query_one(settled, &[&all]).await?.try_get::<_, Option<bool>>(0)? == Some(true) {
            let row = sql.query_one(rows, &[&range.0, &range.1]).await?;
            let found: i64 = row.try_get(0)?;
            if found >= i64::try_from(count)? {
                return Ok(row.try_get(1)?);
            }
        }
        ensure!(begun.elapsed() < STORE_LIMIT, "not all {count} readings are stored");
    }
}

fn java(jars: &str, folder: &Path, class: &str, arguments: &[&str]) -> anyhow::Result<Child> {
    let log = std::fs::File::options().create(true).append(true).open(folder.join("said"))?;
    Command::new("java")
        .args(["-Xmx512m", "-cp", &format!("{jars}/*"), class])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .context("java cannot be run: install Java 17 or newer")
}

fn said(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("said")).unwrap_or_default()
}
