//! Recreated topics, and logs that lost their end. Every record is stored or the contradiction is
//! reported, and no false contradiction is reported.

use std::{
    collections::BTreeMap,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use rdkafka::{
    ClientConfig, ClientContext,
    admin::TopicReplication,
    consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance},
    producer::{FutureProducer, FutureRecord},
};
use weir_kafka::committed;
use weir_testkit::{Database, eventually};

use crate::{
    apache::ApacheKafka,
    common::{
        Ended, Folder, Running, command,
        running::{PATIENCE, count, until_count},
        weir,
    },
};

const LIMIT: Duration = Duration::from_secs(20);
const STORED: i64 = 100;

pub(crate) struct World {
    /// The first node is also the controller.
    pub(crate) kafka: Vec<ApacheKafka>,
    database: Database,
    folder: Folder,
    /// The address and the properties with which weir connects, unless it is the plain listener.
    secured: Option<(String, Vec<String>)>,
}

impl World {
    pub(crate) async fn over(kafka: Vec<ApacheKafka>) -> Result<Self> {
        let (database, folder) = (Database::empty().await?, Folder::new()?);
        Ok(Self { kafka, database, folder, secured: None })
    }

    /// Lets weir connect to this listener of the first node.
    pub(crate) fn with_security(
        self,
        address: &str,
        properties: &BTreeMap<String, String>,
    ) -> Self {
        let properties = properties.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Self { secured: Some((address.to_owned(), properties)), ..self }
    }

    /// Returns the arguments of weir for Kafka and the database.
    fn connection(&self) -> Vec<String> {
        let (address, properties) =
            self.secured.clone().unwrap_or_else(|| (self.address(), Vec::new()));
        let url = self.database.url();
        let own = ["--kafka", &address, "--database-url", &url, "--topics", "orders=events"];
        let properties =
            properties.into_iter().flat_map(|given| ["--kafka-property".into(), given]);
        own.map(str::to_owned).into_iter().chain(properties).collect()
    }

    fn address(&self) -> String {
        self.kafka.iter().map(ApacheKafka::address).collect::<Vec<_>>().join(",")
    }

    pub(crate) async fn start(&self) -> Result<Running> {
        Running::of(self.command()).await
    }

    /// Returns the command that starts weir.
    pub(crate) fn command(&self) -> Command {
        let (connection, data) = (self.connection(), self.folder.arg());
        let args =
            connection.iter().map(String::as_str).chain(["--data-dir", &data, "--port", "0"]);
        command(crate::PROGRAM, &args.collect::<Vec<_>>())
    }

    /// Returns the running program, or stops it if `is_up` is false.
    async fn kept(&self, running: Running, is_up: bool) -> Result<Option<Running>> {
        if is_up {
            return Ok(Some(running));
        }
        running.interrupt().await?;
        Ok(None)
    }

    /// Returns the running program, or starts a new one.
    async fn running(&self, kept: Option<Running>) -> Result<Running> {
        match kept {
            Some(running) => Ok(running),
            None => self.start().await,
        }
    }

    pub(crate) async fn run(&self, what: &[&str]) -> Result<Ended> {
        let connection = self.connection();
        let args = what.iter().copied().chain(connection.iter().map(String::as_str));
        weir(&args.collect::<Vec<_>>()).await
    }

    pub(crate) async fn until_stored(
        &self,
        running: &Running,
        epoch: i64,
        records: i64,
    ) -> Result<()> {
        let sql = self.database.client().await?;
        let stored = format!(
            "SELECT count(*) FROM events e JOIN streams s ON s.id = e.stream WHERE s.epoch = {epoch}"
        );
        until_count(&sql, &stored, records).await.with_context(|| running.stderr())
    }

    pub(crate) async fn send(&self, what: &str, numbers: std::ops::Range<i64>) -> Result<()> {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", self.address())
            .set("acks", "1")
            .set("linger.ms", "5")
            .set("message.timeout.ms", "20000");
        let producer: FutureProducer = client.create()?;
        for n in numbers {
            let value = format!(r#"{{"{what}":{n}}}"#);
            producer
                .send(FutureRecord::<(), _>::to("orders").payload(&value), LIMIT)
                .await
                .map_err(|(error, _)| error)?;
        }
        Ok(())
    }

    /// Checks that a running weir and `reconcile` report the contradiction, and that the reset ends
    /// it.
    pub(crate) async fn named_until_reset(
        &self,
        running: Running,
        named: &str,
        records: i64,
    ) -> Result<()> {
        let told = async || {
            let health = running.get("/healthz").await.ok()?;
            (health.status == 200
                && health.body.contains("contradiction")
                && health.body.contains(named))
            .then_some(())
        };
        let told = eventually(PATIENCE, told).await;
        told.with_context(|| format!("{named}: {}", running.stderr()))?;
        let said = self.run(&["reconcile"]).await?;
        ensure!(said.code == Some(1) && said.stdout.contains(named), "{said:?}");
        ensure!(
            !said.stdout.contains("missing  ") && !said.stdout.contains("lost     "),
            "{said:?}"
        );
        let reset = self.run(&["topic", "reset", "orders", "--yes"]).await?;
        ensure!(reset.code == Some(0), "{reset:?}");
        self.until_stored(&running, 1, records).await?;
        let well = async || {
            running
                .get("/healthz")
                .await
                .ok()
                .filter(|health| !health.body.contains("contradiction"))
        };
        eventually(PATIENCE, well).await.with_context(|| running.stderr())?;
        let clean = self.run(&["reconcile"]).await?;
        ensure!(
            clean.code == Some(0) && clean.stdout.contains("0 missing, 0 lost, 0 not yet read"),
            "{clean:?}"
        );
        // The topic now agrees with the database, so a second reset needs --force.
        let refused = self.run(&["topic", "reset", "orders"]).await?;
        ensure!(refused.code == Some(2) && refused.stderr.contains("--force"), "{refused:?}");
        self.until_stored(&running, 1, records).await?;
        Ok(())
    }
}

async fn recreated(records: i64, after: Duration, is_up: bool) -> Result<()> {
    let world = World::over(vec![ApacheKafka::start().await?]).await?;
    world.kafka[0].create_topic("orders", 1, &[]).await?;
    let running = world.start().await?;
    world.send("old", 0..STORED).await?;
    world.until_stored(&running, 0, STORED).await?;
    let running = world.kept(running, is_up).await?;
    world.kafka[0].delete_topic("orders").await?;
    tokio::time::sleep(after).await;
    let make = async || world.kafka[0].create_topic("orders", 1, &[]).await.ok();
    eventually(PATIENCE, make).await?;
    world.send("new", 0..records).await?;
    let running = world.running(running).await?;
    world.named_until_reset(running, "orders-0 offsets 0 to ", records).await
}

#[tokio::test]
#[ignore = "needs Apache Kafka: bash tests/external/kafka/run"]
async fn a_topic_made_again_at_once_while_weir_runs() -> Result<()> {
    for records in [60, STORED, 2 * STORED] {
        recreated(records, Duration::ZERO, true)
            .await
            .with_context(|| format!("{records} records"))?;
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs Apache Kafka: bash tests/external/kafka/run"]
async fn a_topic_made_again_after_a_while_while_weir_runs() -> Result<()> {
    for records in [60, STORED, 2 * STORED] {
        recreated(records, Duration::from_secs(2), true)
            .await
            .with_context(|| format!("{records} records"))?;
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs Apache Kafka: bash tests/external/kafka/run"]
async fn a_topic_made_again_while_weir_is_down() -> Result<()> {
    for records in [60, 2 * STORED] {
        recreated(records, Duration::ZERO, false)
            .await
            .with_context(|| format!("{records} records"))?;
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs Apache Kafka: bash tests/external/kafka/run"]
async fn a_deleted_topic_is_named_until_it_exists_again() -> Result<()> {
    let world = World::over(vec![ApacheKafka::start().await?]).await?;
    world.kafka[0].create_topic("orders", 1, &[]).await?;
    let running = world.start().await?;
    world.send("old", 0..STORED).await?;
    world.until_stored(&running, 0, STORED).await?;
    world.kafka[0].delete_topic("orders").await?;
    let named = |body: &str| body.contains("topic orders no longer exists in Kafka");
    let health = async || running.get("/healthz").await.ok().filter(|health| health.status == 200);
    let told = async || health().await.filter(|health| named(&health.body));
    eventually(PATIENCE, told).await.with_context(|| running.stderr())?;
    let make = async || world.kafka[0].create_topic("orders", 1, &[]).await.ok();
    eventually(PATIENCE, make).await?;
    let told = async || health().await.filter(|health| !named(&health.body));
    eventually(PATIENCE, told).await.with_context(|| running.stderr())?;
    Ok(())
}

/// A member joins the group while the topic does not exist, so the group assigns nothing. After the
/// topic exists again, librdkafka sees no reason to join the group again.
#[tokio::test]
#[ignore = "needs Apache Kafka: bash tests/external/kafka/run"]
async fn a_topic_is_read_that_did_not_exist_while_the_group_was_balanced() -> Result<()> {
    let world = World::over(vec![ApacheKafka::start().await?]).await?;
    for topic in ["orders", "others"] {
        world.kafka[0].create_topic(topic, 1, &[]).await?;
    }
    let mut command = world.command();
    // The leader of the group must not refresh its metadata while the topic does not exist.
    command.args(["--lanes", "1", "--kafka-property", "topic.metadata.refresh.interval.ms=20000"]);
    let running = Running::of(command).await?;
    world.send("old", 0..STORED).await?;
    world.until_stored(&running, 0, STORED).await?;
    world.kafka[0].delete_topic("orders").await?;
    let (is_over, joined) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let other: BaseConsumer<Joins> = world.kafka[0]
        .client()
        .set("group.id", "weir")
        .set("partition.assignment.strategy", "roundrobin,range")
        .create_with_context(Joins(Arc::clone(&joined)))?;
    other.subscribe(&["others"])?;
    let over = Arc::clone(&is_over);
    let other = thread::spawn(move || {
        while !over.load(SeqCst) {
            let _ = other.poll(Duration::from_millis(100));
        }
    });
    let joined = eventually(PATIENCE, async || joined.load(SeqCst).then_some(())).await;
    let make = async || world.kafka[0].create_topic("orders", 1, &[]).await.ok();
    eventually(PATIENCE, make).await?;
    world.send("new", 0..60).await?;
    joined.with_context(|| running.stderr())?;
    let named = world.named_until_reset(running, "orders-0 offsets 0 to ", 60).await;
    is_over.store(true, SeqCst);
    let _ = other.join();
    named
}

/// Notes that the group has given this member its partitions, or none.
struct Joins(Arc<AtomicBool>);

impl ClientContext for Joins {}

impl ConsumerContext for Joins {
    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if matches!(rebalance, Rebalance::Assign(_)) {
            self.0.store(true, SeqCst);
        }
    }
}

/// Without members, the command itself sets the offsets of the group. AWS needs them: a mapping
/// begins at the group's offsets, and does not ask the database.
#[tokio::test]
#[ignore = "needs Apache Kafka: bash tests/external/kafka/run"]
async fn a_reset_puts_a_group_without_members_to_the_first_offset() -> Result<()> {
    let world = World::over(vec![ApacheKafka::start().await?]).await?;
    world.kafka[0].create_topic("orders", 1, &[]).await?;
    let running = world.start().await?;
    world.send("old", 0..STORED).await?;
    world.until_stored(&running, 0, STORED).await?;
    running.interrupt().await?;
    world.kafka[0].delete_topic("orders").await?;
    let make = async || world.kafka[0].create_topic("orders", 1, &[]).await.ok();
    eventually(PATIENCE, make).await?;
    world.send("new", 0..10).await?;
    world.kafka[0].drop_below("orders", 4).await?;
    let reset = world.run(&["topic", "reset", "orders", "--yes"]).await?;
    let says = "group weir reads topic orders from the first offset that the broker has";
    ensure!(reset.code == Some(0) && reset.stdout.contains(says), "{reset:?}");
    let topics = ["orders".to_owned()];
    let found = committed(&world.address(), &BTreeMap::new(), "weir", &topics, LIMIT).await?;
    assert_eq!(found.iter().map(|found| found.next).collect::<Vec<_>>(), [Some(4)]);
    Ok(())
}

/// Tests an unclean election. Twenty records are stored, and their broker dies. The next leader has
/// only ten of them, and gets fifteen new ones.
async fn unclean_election(is_up: bool) -> Result<()> {
    let first = ApacheKafka::start_with(
        "broker.session.timeout.ms=3000\nbroker.heartbeat.interval.ms=500\n",
    )
    .await?;
    first.keep_groups().await?;
    let (second, third) = tokio::try_join!(first.join(2), first.join(3))?;
    let mut world = World::over(vec![first, second, third]).await?;
    let on: &[i32] = &[2, 3];
    let properties = [("unclean.leader.election.enable", "true"), ("min.insync.replicas", "1")];
    world.kafka[0]
        .create_replicated("orders", 1, TopicReplication::Variable(&[on]), &properties)
        .await?;
    let running = world.start().await?;
    world.send("old", 0..10).await?;
    world.until_stored(&running, 0, 10).await?;
    world.kafka[2].kill().await?;
    world.send("old", 10..20).await?;
    world.until_stored(&running, 0, 20).await?;
    let running = world.kept(running, is_up).await?;
    world.kafka[1].kill().await?;
    world.kafka[2].run().await?;
    world.send("new", 0..15).await?;
    let running = world.running(running).await?;
    world.named_until_reset(running, "orders-0 offsets 10 to ", 25).await?;
    assert_eq!(count(&world.database.client().await?, "SELECT count(*) FROM failures").await?, 0);
    Ok(())
}

#[tokio::test]
#[ignore = "needs Apache Kafka: bash tests/external/kafka/run"]
async fn an_unclean_election_while_weir_is_down() -> Result<()> {
    unclean_election(false).await
}

#[tokio::test]
#[ignore = "needs Apache Kafka: bash tests/external/kafka/run"]
async fn an_unclean_election_while_weir_runs() -> Result<()> {
    unclean_election(true).await
}

#[tokio::test]
#[ignore = "needs Apache Kafka: bash tests/external/kafka/run"]
async fn groups_that_the_broker_balances_and_members_with_names_are_read() -> Result<()> {
    let world = World::over(vec![ApacheKafka::start().await?]).await?;
    world.kafka[0].create_topic("orders", 4, &[]).await?;
    let mut stored = 0;
    for property in ["group.protocol=consumer", "group.instance.id=one"] {
        let (kafka, url, data, group) =
            (world.address(), world.database.url(), world.folder.arg(), property.replace('=', "-"));
        if stored > 0 {
            // The group is a setting of the data, which only `weir apply` changes.
            let applied = world.run(&["apply", "--yes", "--group-id", &group]).await?;
            ensure!(applied.code == Some(0), "{applied:?}");
        }
        let args = [
            "--kafka",
            &kafka,
            "--database-url",
            &url,
            "--data-dir",
            &data,
            "--port",
            "0",
            "--topics",
            "orders=events",
        ];
        let own = ["--kafka-property", property, "--group-id", &group, "--lanes", "2"];
        let running = Running::of(command(crate::PROGRAM, &[&args[..], &own].concat())).await?;
        world.send("n", stored..stored + 50).await?;
        stored += 50;
        let sql = world.database.client().await?;
        let of_group = format!(
            "SELECT count(*) FROM events e JOIN streams s ON s.id = e.stream WHERE s.group_id = '{group}'"
        );
        until_count(&sql, &of_group, stored).await.with_context(|| running.stderr())?;
        ensure!(!running.stderr().contains("fenced"), "{}", running.stderr());
        running.interrupt().await?;
    }
    Ok(())
}
