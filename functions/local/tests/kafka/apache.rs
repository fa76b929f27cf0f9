//! An Apache Kafka for one test: one or several nodes with `KRaft`, on free ports. It is removed
//! after the test.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use weir_testkit::{eventually, free_port};

use crate::common::{
    folder::signal,
    running::{PATIENCE, ask_blocking},
    setting,
};

/// Any id is valid, because each test has a separate cluster.
const CLUSTER_ID: &str = "MkU3OEVBNTcwNTJENDM2Qk";
const QUESTION_LIMIT: Duration = Duration::from_secs(2);

pub(crate) struct ApacheKafka {
    dir: tempfile::TempDir,
    jars: String,
    server: Option<Child>,
    port: u16,
    /// The port of the cluster's controller.
    controller: u16,
}

impl ApacheKafka {
    /// Formats a new log folder and starts the server on it.
    pub(crate) async fn start() -> Result<Self> {
        Self::start_with("").await
    }

    /// Starts a node with additional lines in its properties.
    pub(crate) async fn start_with(more: &str) -> Result<Self> {
        Self::start_listening("", more, &[]).await
    }

    /// Starts a node with additional listeners, each with a comma before it, and additional
    /// arguments for the format of its folder.
    pub(crate) async fn start_listening(
        listeners: &str,
        more: &str,
        format: &[&str],
    ) -> Result<Self> {
        let (port, controller) = (free_port()?, free_port()?);
        let properties = format!(
            "process.roles=broker,controller\nnode.id=1\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{listeners}\n\
             offsets.topic.replication.factor=1\noffsets.topic.num.partitions=1\n\
             transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\ntransaction.state.log.num.partitions=1\n{more}"
        );
        Self::node(port, controller, &properties, &[&["--standalone"], format].concat()).await
    }

    /// Creates the topic of the groups' offsets on this broker, so that it is not on a broker that
    /// joins later and is killed.
    pub(crate) async fn keep_groups(&self) -> Result<()> {
        let consumer: BaseConsumer = self.client().set("group.id", "first").create()?;
        let coordinated = async || {
            let mut list = TopicPartitionList::new();
            list.add_partition("none", 0);
            consumer.committed_offsets(list, QUESTION_LIMIT).ok()
        };
        eventually(PATIENCE, coordinated).await.map(drop)
    }

    /// Starts one more broker of this cluster.
    pub(crate) async fn join(&self, node: u16) -> Result<Self> {
        let port = free_port()?;
        let properties = format!(
            "process.roles=broker\nnode.id={node}\nlisteners=PLAINTEXT://127.0.0.1:{port}\n"
        );
        Self::node(port, self.controller, &properties, &["--no-initial-controllers"]).await
    }

    async fn node(port: u16, controller: u16, properties: &str, format: &[&str]) -> Result<Self> {
        let jars = setting("WEIR_TEST_KAFKA_JARS")
            .context("Apache Kafka is missing: run tests/external/kafka/run, which fetches it")?;
        let dir = tempfile::Builder::new().prefix("weir-kafka-").tempdir()?;
        let properties = format!(
            "{properties}controller.quorum.bootstrap.servers=127.0.0.1:{controller}\ncontroller.listener.names=CONTROLLER\n\
             log.dirs={}\nauto.create.topics.enable=false\ngroup.initial.rebalance.delay.ms=0\n",
            dir.path().join("log").display()
        );
        fs::write(dir.path().join("server.properties"), properties)?;
        let mut kafka = Self { dir, jars, server: None, port, controller };
        let formatted = kafka.java(
            "kafka.tools.StorageTool",
            &[&["format", "-t", CLUSTER_ID, "-c", "server.properties"], format].concat(),
        )?;
        let status = ask_blocking(move || {
            let mut format = formatted;
            format.wait()
        });
        ensure!(status.await?.success(), "StorageTool: {}", kafka.said());
        kafka.run().await?;
        Ok(kafka)
    }

    /// Starts the server on the existing folder.
    pub(crate) async fn run(&mut self) -> Result<()> {
        self.server = Some(self.java("kafka.Kafka", &["server.properties"])?);
        let answers = async || {
            let consumer = self.client().create::<BaseConsumer>().ok()?;
            ask_blocking(move || Ok(consumer.fetch_metadata(None, QUESTION_LIMIT).map(drop).ok()))
                .await
                .ok()?
        };
        match eventually(PATIENCE, answers).await {
            Ok(()) => Ok(()),
            Err(_) => bail!("kafka does not answer: {}", self.said()),
        }
    }

    /// Stops the server with SIGTERM, as an operator does, and waits for its end.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        let Some(mut server) = self.server.take() else { return Ok(()) };
        signal(server.id(), "TERM");
        ask_blocking(move || server.wait().map(drop)).await
    }

    /// Kills the server with SIGKILL, and waits for its end.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        let Some(mut server) = self.server.take() else { return Ok(()) };
        server.kill()?;
        ask_blocking(move || server.wait().map(drop)).await
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) async fn create_topic(
        &self,
        topic: &str,
        partitions: i32,
        properties: &[(&str, &str)],
    ) -> Result<()> {
        self.create_replicated(topic, partitions, TopicReplication::Fixed(1), properties).await
    }

    /// Creates a topic on chosen brokers.
    pub(crate) async fn create_replicated(
        &self,
        topic: &str,
        partitions: i32,
        on: TopicReplication<'_>,
        properties: &[(&str, &str)],
    ) -> Result<()> {
        let topic = properties
            .iter()
            .fold(NewTopic::new(topic, partitions, on), |t, (name, value)| t.set(name, value));
        for made in self.admin()?.create_topics([&topic], &AdminOptions::new()).await? {
            made.map_err(|(topic, code)| anyhow::anyhow!("{topic}: {code}"))?;
        }
        Ok(())
    }

    pub(crate) async fn delete_topic(&self, topic: &str) -> Result<()> {
        for gone in self.admin()?.delete_topics(&[topic], &AdminOptions::new()).await? {
            gone.map_err(|(topic, code)| anyhow::anyhow!("{topic}: {code}"))?;
        }
        Ok(())
    }

    /// Deletes the records of partition 0 below this offset, as retention does.
    pub(crate) async fn drop_below(&self, topic: &str, offset: i64) -> Result<()> {
        let mut below = TopicPartitionList::new();
        below.add_partition_offset(topic, 0, Offset::Offset(offset))?;
        let gone = self.admin()?.delete_records(&below, &AdminOptions::new()).await?;
        for partition in gone.elements() {
            partition.error()?;
        }
        Ok(())
    }

    /// Allows only `User:other` to read the topic. The broker needs an authorizer.
    /// Source: `CreateAcls`, version 1, of <https://kafka.apache.org/protocol>.
    pub(crate) async fn forbid(&self, topic: &str) -> Result<()> {
        let text = |text: &str| {
            [&u16::try_from(text.len()).unwrap_or_default().to_be_bytes()[..], text.as_bytes()]
                .concat()
        };
        // The resource is a topic by its name; the operation is read; the permission is allow.
        let acl =
            [vec![2], text(topic), vec![3], text("User:other"), text("*"), vec![3, 3]].concat();
        let body = [
            &30_i16.to_be_bytes()[..],
            &1_i16.to_be_bytes(),
            &7_i32.to_be_bytes(),
            &text("test"),
            &1_i32.to_be_bytes(),
            &acl,
        ]
        .concat();
        let mut broker = tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await?;
        broker
            .write_all(&[&u32::try_from(body.len())?.to_be_bytes()[..], body.as_slice()].concat())
            .await?;
        let mut answer = vec![0; usize::try_from(broker.read_u32().await?)?];
        broker.read_exact(&mut answer).await?;
        // The answer has a correlation id, the throttle time and one result with its error.
        ensure!(answer[12..14] == [0, 0], "CreateAcls: {answer:?}");
        Ok(())
    }

    pub(crate) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.address());
        config
    }

    fn admin(&self) -> Result<AdminClient<DefaultClientContext>> {
        Ok(self.client().create()?)
    }

    fn java(&self, class: &str, args: &[&str]) -> Result<Child> {
        let log = File::options().create(true).append(true).open(self.log())?;
        let java = Command::new("java")
            .args([
                "-Xmx512m",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                &format!("{}/*", self.jars),
                class,
            ])
            .args(args)
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn();
        java.context("java cannot be run: install Java 17 or newer")
    }

    fn log(&self) -> std::path::PathBuf {
        Path::new(self.dir.path()).join("said")
    }

    fn said(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }
}

impl Drop for ApacheKafka {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}
