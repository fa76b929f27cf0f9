//! `bench -- collect`: measures readings in one streamed `POST /ingest` to `weir` with a broker.
//! The ceiling is a plain librdkafka producer with the same settings and topic. In both cases the
//! same `weir` reads the topic meanwhile.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use anyhow::{bail, ensure};
use clap::Args;
use rdkafka::{
    ClientConfig, ClientContext,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    mocking::MockCluster,
    producer::{
        BaseProducer, BaseRecord, DefaultProducerContext, DeliveryResult, Producer, ProducerContext,
    },
    types::RDKafkaErrorCode,
};

use crate::{program::Weir, server::Bench, stats::median};

/// The amount of data and of rounds.
#[derive(Args)]
pub(crate) struct Options {
    /// Kafka broker, on which the topic `readings` is created
    ///
    /// Without it, the measurement uses the broker in librdkafka, which stores nothing on disk.
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Option<String>,

    /// Program to measure; without it, the one in the folder of this program
    #[arg(long, value_name = "FILE")]
    weir: Option<PathBuf>,

    /// Number of readings in one body
    #[arg(long, default_value_t = 1_000_000)]
    readings: usize,

    /// Number of rounds; each one measures both ways once
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

const TOPICS: [&str; 2] = ["readings", "build_events"];
const PARTITIONS: i32 = 8;
pub(crate) const SENSORS: [&str; 6] = [
    "speed",
    "fuel",
    "revolution",
    "engine_temperature",
    "location_latitude",
    "location_longitude",
];
/// 2025-01-01T00:00:00Z.
pub(crate) const BEGINNING: i64 = 1_735_689_600;
const INGEST_LIMIT: Duration = Duration::from_mins(15);

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let bench = Bench::start(&[]).await?;
    // The mock cluster cannot move to another thread. This thread waits for everything.
    let mock = if options.kafka.is_some() { None } else { Some(broker()?) };
    let address = match (&options.kafka, &mock) {
        (Some(address), _) => address.clone(),
        (None, Some(mock)) => mock.bootstrap_servers(),
        (None, None) => bail!("no broker is given"),
    };
    if mock.is_none() {
        create_topics(&address).await?;
    }
    let program = options
        .weir
        .clone()
        .map_or_else(|| Ok(std::env::current_exe()?.with_file_name("weir")), anyhow::Ok)?;
    let weir =
        Weir::start(&program, &bench.folder().join("weir"), &bench.url, Some(&address)).await?;
    let sql = bench.connect().await?;
    let (mut bare, mut posted) = (Vec::new(), Vec::new());
    for round in 0..options.rounds {
        let first = 2 * round * options.readings;
        let readings: Arc<Vec<(usize, String)>> =
            Arc::new((first..first + options.readings).map(reading).collect());
        let address = address.clone();
        bare.push(tokio::task::spawn_blocking(move || produce(&address, &readings)).await??);
        if mock.is_none() {
            until_stored(&sql, first + options.readings).await?;
        }
        let first = first + options.readings;
        posted.push(weir.ingest(&lines(first, options.readings)).await?.as_secs_f64());
        if mock.is_none() {
            until_stored(&sql, first + options.readings).await?;
        }
    }
    let memory = weir.memory_mb()?;
    weir.stop().await?;
    drop(sql);
    bench.stop(None).await?;
    #[expect(clippy::cast_precision_loss, reason = "a count")]
    let rate = |times: &[f64]| options.readings as f64 / median(times);
    let (bare, posted) = (rate(&bare), rate(&posted));
    println!("{:<34} {:>12} {:>8}", "way", "per second", "ratio");
    println!("{:<34} {bare:>12.0} {:>8}", "bare librdkafka producer", "1.000");
    println!("{:<34} {posted:>12.0} {:>8.3}", "POST /ingest, one body", posted / bare);
    println!("{:<34} {memory:>9.1} MB", "peak memory of weir");
    println!("\nratio collect {:.3}", posted / bare);
    Ok(())
}

/// Returns the sensor's number and the line of reading `n`.
pub(crate) fn reading(n: usize) -> (usize, String) {
    let sensor = n % SENSORS.len();
    let seconds = BEGINNING + i64::try_from(n / SENSORS.len()).unwrap_or_default();
    let at = weir_model::Micros(seconds * 1_000_000).rfc3339_millis();
    (
        sensor,
        format!(r#"{{"sensor":"{}","value":{}.5,"timestamp":"{at}"}}"#, SENSORS[sensor], n % 1000),
    )
}

/// Returns the body of a post.
pub(crate) fn lines(first: usize, count: usize) -> String {
    (first..first + count).map(|n| reading(n).1 + "\n").collect()
}

/// Starts librdkafka's mock broker with the topics. It does not answer requests to create topics.
pub(crate) fn broker() -> anyhow::Result<MockCluster<'static, DefaultProducerContext>> {
    let broker = MockCluster::new(1)?;
    for topic in TOPICS {
        broker.create_topic(topic, PARTITIONS, 1)?;
    }
    Ok(broker)
}

async fn create_topics(address: &str) -> anyhow::Result<()> {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", address).create()?;
    let topics = TOPICS.map(|topic| NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1)));
    for made in admin.create_topics(&topics, &AdminOptions::new()).await? {
        match made {
            Ok(_) => {}
            Err((topic, RDKafkaErrorCode::TopicAlreadyExists)) => {
                bail!("topic {topic} is there already: give a Kafka that is new")
            }
            Err((topic, code)) => bail!("topic {topic}: {code}"),
        }
    }
    Ok(())
}

/// Counts the delivery reports of a producer.
struct Heard(Arc<AtomicU64>, Arc<AtomicBool>);

impl ClientContext for Heard {}

impl ProducerContext for Heard {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        self.0.fetch_add(1, SeqCst);
        if result.is_err() {
            self.1.store(true, SeqCst);
        }
    }
}

/// Returns the seconds until every record is acknowledged.
fn produce(address: &str, readings: &[(usize, String)]) -> anyhow::Result<f64> {
    let (delivered, failed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let config = weir_kafka::producer_settings(address, &BTreeMap::new());
    let producer: Arc<BaseProducer<Heard>> =
        Arc::new(config.create_with_context(Heard(Arc::clone(&delivered), Arc::clone(&failed)))?);
    let (over, polled) = (Arc::new(AtomicBool::new(false)), Arc::clone(&producer));
    let told = Arc::clone(&over);
    let begun = Instant::now();
    let thread = std::thread::spawn(move || {
        while !told.load(SeqCst) {
            polled.poll(Duration::from_millis(20));
        }
    });
    for (sensor, line) in readings {
        let mut record = BaseRecord::to("readings").key(SENSORS[*sensor]).payload(line);
        while let Err((error, back)) = producer.send(record) {
            ensure!(error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull), "{error}");
            std::thread::sleep(Duration::from_millis(1));
            record = back;
        }
    }
    let wanted = u64::try_from(readings.len())?;
    while delivered.load(SeqCst) < wanted {
        std::thread::sleep(Duration::from_micros(200));
    }
    let time = begun.elapsed().as_secs_f64();
    over.store(true, SeqCst);
    let _ = thread.join();
    let _ = producer.flush(Duration::from_secs(1));
    ensure!(!failed.load(SeqCst), "some were not delivered");
    Ok(time)
}

async fn until_stored(sql: &tokio_postgres::Client, readings: usize) -> anyhow::Result<()> {
    let (wanted, begun) = (i64::try_from(readings)?, Instant::now());
    loop {
        let stored: i64 = sql.query_one("SELECT count(*) FROM readings", &[]).await?.get(0);
        if stored >= wanted {
            ensure!(stored == wanted, "{stored} readings are stored, and {wanted} were sent");
            return Ok(());
        }
        ensure!(begun.elapsed() < INGEST_LIMIT, "{stored} of {wanted} readings are stored");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
