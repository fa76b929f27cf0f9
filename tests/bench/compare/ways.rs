//! The measurements, each on a program from outside.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::ensure;
use rdkafka::{mocking::MockCluster, producer::DefaultProducerContext};
use tokio::process::Command;
use tokio_postgres::Client;

use super::{
    Side,
    pairs::{Step, Way},
};
use crate::{
    batches::{self, readings},
    cdevents::{self, BenchWorld},
    collect, dump, kafka, latency,
    load::load,
    program::Weir,
    rest,
    server::connect,
    start,
};

impl Side {
    /// Returns the run time of a `weir` command on the side's database, and its output.
    async fn weir(&self, arguments: &[&str]) -> anyhow::Result<(Duration, String)> {
        let mut command = Command::new(self.build.program("weir"));
        command
            .args(["--database-url", &self.url, "--log", "warn", "--data-dir"])
            .arg(&self.folder)
            .args(arguments);
        let begun = Instant::now();
        let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await?;
        let time = begun.elapsed();
        ensure!(
            output.status.success(),
            "weir {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok((time, String::from_utf8(output.stdout)?))
    }

    async fn serve(&self, kafka: Option<&str>) -> anyhow::Result<Weir> {
        Weir::start(&self.build.program("weir"), &self.folder, &self.url, kafka).await
    }

    /// Migrates the database, and returns a connection to it.
    async fn migrated(&self) -> anyhow::Result<Client> {
        self.weir(&["migrate"]).await?;
        connect(&self.url).await
    }
}

async fn serve_all(sides: &[Side]) -> anyhow::Result<Vec<Weir>> {
    let mut servers = Vec::new();
    for side in sides {
        servers.push(side.serve(None).await?);
    }
    Ok(servers)
}

/// The first partition of the events that are sent to Invoke. The program's own topics have fewer
/// partitions, so it does not compare the events with its broker's log.
const UNREAD: i32 = 900;

/// Invokes ingest with events of readings. Both sides get the same events.
pub(super) struct Ingest {
    servers: Vec<Weir>,
    /// For each side the next reading, and the next offsets of the partitions.
    next: [(i64, [i64; 3]); 2],
}

impl Ingest {
    pub(super) async fn new(sides: &[Side]) -> anyhow::Result<Self> {
        Ok(Self { servers: serve_all(sides).await?, next: Default::default() })
    }

    fn event(&mut self, side: usize, partition: u8, count: i64) -> Vec<u8> {
        let (reading, offsets) = &mut self.next[side];
        let offset = &mut offsets[usize::from(partition)];
        let start = batches::Start {
            partition: UNREAD + i32::from(partition),
            offset: *offset,
            reading: *reading,
        };
        *reading += count;
        *offset += count;
        batches::event(start, &readings(start, count))
    }
}

impl Way for Ingest {
    fn steps(&self) -> Vec<Step> {
        let names: [(&[&str], u32); 4] = [
            (&["first_100"], 40),
            (&["first_1000"], 12),
            (&["first_10000", "redelivery_10000"], 6),
            (&["passes"], 4),
        ];
        names.map(|(figures, repeats)| Step::new(figures, repeats)).into()
    }

    async fn measure(&mut self, side: usize, step: usize) -> anyhow::Result<Vec<f64>> {
        if let Some(&count) = [100, 1_000, 10_000].get(step) {
            let event = self.event(side, 0, count);
            let first = self.servers[side].invoke(&event).await?;
            let again =
                if count == 10_000 { Some(self.servers[side].invoke(&event).await?) } else { None };
            return Ok(std::iter::once(first)
                .chain(again)
                .map(|time| time.as_secs_f64())
                .collect());
        }
        // Two invocations at once, on different partitions.
        let (a, b) = (self.event(side, 1, 10_000), self.event(side, 2, 10_000));
        let begun = Instant::now();
        tokio::try_join!(self.servers[side].invoke(&a), self.servers[side].invoke(&b))?;
        Ok(vec![begun.elapsed().as_secs_f64()])
    }
}

/// Posts bodies to `POST /ingest`. Each side has its own broker, which does not keep its records.
pub(super) struct Collect {
    servers: Vec<Weir>,
    clients: Vec<Client>,
    readings: usize,
    next: [usize; 2],
    // Dropped after the clients.
    _brokers: Vec<MockCluster<'static, DefaultProducerContext>>,
}

impl Collect {
    pub(super) async fn new(sides: &[Side], readings: u32) -> anyhow::Result<Self> {
        let (mut servers, mut clients, mut brokers) = (Vec::new(), Vec::new(), Vec::new());
        for side in sides {
            let broker = collect::broker()?;
            servers.push(side.serve(Some(&broker.bootstrap_servers())).await?);
            clients.push(connect(&side.url).await?);
            brokers.push(broker);
        }
        Ok(Self {
            servers,
            clients,
            readings: usize::try_from(readings)?,
            next: [0; 2],
            _brokers: brokers,
        })
    }
}

impl Way for Collect {
    fn steps(&self) -> Vec<Step> {
        vec![Step::new(&["collect"], 1)]
    }

    async fn measure(&mut self, side: usize, _: usize) -> anyhow::Result<Vec<f64>> {
        let lines = collect::lines(self.next[side], self.readings);
        self.next[side] += self.readings;
        let time = self.servers[side].ingest(&lines).await?;
        // The other side is measured only after this side has stored the records that its broker
        // still has.
        let (mut before, mut stored) = (-1, 0);
        while stored != before {
            tokio::time::sleep(Duration::from_secs(1)).await;
            before = stored;
            stored = self.clients[side]
                .query_one("SELECT count(*) FROM events", &[])
                .await?
                .try_get::<_, i64>(0)?;
        }
        Ok(vec![time.as_secs_f64()])
    }
}

/// The number of CDEvents of an invocation. Lambda's Invoke takes 6 MB, so 10,000 CDEvents need
/// several invocations.
const EVENT: u64 = 2_500;

/// Invokes ingest with CDEvents, and runs the queries of dashboards.
pub(super) struct Cdevents {
    servers: Vec<Weir>,
    clients: Vec<Client>,
    world: BenchWorld,
    /// For each side the next event, the next offset and the next query.
    next: [(u64, u64, u64); 2],
}

impl Cdevents {
    pub(super) async fn new(sides: &[Side], events: u32) -> anyhow::Result<Self> {
        let events = u64::from(events);
        let mut clients = Vec::new();
        for side in sides {
            clients.push(side.migrated().await?);
        }
        // The world is large enough for the batches of the pairs too.
        let world =
            BenchWorld::new(&clients[0], events / 25, events + 100 * cdevents::BATCH).await?;
        let servers = serve_all(sides).await?;
        let (mut next, mut offset) = (0, 0);
        while next < events {
            let lanes = (
                world.batch(next, EVENT, UNREAD + 1, offset),
                world.batch(next + EVENT, EVENT, UNREAD + 2, offset),
            );
            (next, offset) = (next + 2 * EVENT, offset + EVENT);
            for server in &servers {
                tokio::try_join!(server.invoke(&lanes.0), server.invoke(&lanes.1))?;
            }
            eprint!("\rfilling: {next} events of {events}");
        }
        eprintln!();
        Ok(Self { servers, clients, world, next: [(next, 0, 0); 2] })
    }
}

impl Way for Cdevents {
    fn steps(&self) -> Vec<Step> {
        let questions = cdevents::QUESTIONS.iter().map(|(name, _)| Step::new(&[name], 3));
        std::iter::once(Step::new(&["cdevents_first_10000"], 2)).chain(questions).collect()
    }

    async fn measure(&mut self, side: usize, step: usize) -> anyhow::Result<Vec<f64>> {
        let (event, offset, question) = &mut self.next[side];
        let time = if let Some(before) = step.checked_sub(1) {
            *question += 1;
            cdevents::ask(
                &self.clients[side],
                &cdevents::QUESTIONS[before].1(*question, &self.world),
            )
            .await?
            .0
        } else {
            let mut time = Duration::ZERO;
            for _ in 0..cdevents::BATCH / EVENT {
                let batch = self.world.batch(*event, EVENT, UNREAD, *offset);
                (*event, *offset) = (*event + EVENT, *offset + EVENT);
                time += self.servers[side].invoke(&batch).await?;
            }
            time
        };
        Ok(vec![time.as_secs_f64()])
    }
}

/// Sends load to the API.
pub(super) struct Rest {
    servers: Vec<Weir>,
    ways: [(&'static str, &'static str, Vec<String>); 4],
    events: i64,
    time: Duration,
}

impl Rest {
    pub(super) async fn new(
        sides: &[Side],
        events: u32,
        packed: bool,
        seconds: u64,
    ) -> anyhow::Result<Self> {
        let mut ways = Vec::new();
        for side in sides {
            let client = side.migrated().await?;
            rest::fill(&client, events.into()).await?;
            if packed {
                rest::pack(&client, &side.url).await?;
            }
            ways.push(rest::ways(&client).await?);
        }
        Ok(Self {
            servers: serve_all(sides).await?,
            ways: ways.swap_remove(0),
            events: events.into(),
            time: Duration::from_secs(seconds),
        })
    }
}

impl Way for Rest {
    fn steps(&self) -> Vec<Step> {
        let names = self.ways.iter().map(|(_, name, _)| *name).chain(["entity_ms", "stream"]);
        names.map(|name| Step::new(&[&format!("rest_{name}")], 1)).collect()
    }

    async fn measure(&mut self, side: usize, step: usize) -> anyhow::Result<Vec<f64>> {
        let address = self.servers[side].address;
        let seconds = if let Some((.., paths)) = self.ways.get(step) {
            1.0 / load(address, paths, rest::CONNECTIONS, self.time).await?.0
        } else if step == self.ways.len() {
            let times = load(address, &rest::entities(), 1, self.time).await?.1;
            crate::stats::median(&times.iter().map(Duration::as_secs_f64).collect::<Vec<_>>())
        } else {
            rest::stream(address, self.events, self.events / 4).await?.as_secs_f64()
        };
        Ok(vec![seconds])
    }
}

/// Runs `weir dump` for a day.
pub(super) struct Dump<'s> {
    sides: &'s [Side],
    rows: u32,
}

impl<'s> Dump<'s> {
    pub(super) async fn new(sides: &'s [Side], rows: u32) -> anyhow::Result<Self> {
        for side in sides {
            dump::fill(&side.migrated().await?, rows.into(), rows.into()).await?;
        }
        Ok(Self { sides, rows })
    }
}

impl Way for Dump<'_> {
    fn steps(&self) -> Vec<Step> {
        dump::WAYS
            .iter()
            .map(|(name, _)| Step::new(&[&format!("dump_{}", name.replace(',', "_"))], 1))
            .collect()
    }

    async fn measure(&mut self, side: usize, step: usize) -> anyhow::Result<Vec<f64>> {
        let place = format!("file://{}", self.sides[side].folder.join("dumps").display());
        let arguments = [
            "--blob-url",
            &place,
            "--models",
            "readings",
            "--formats",
            dump::WAYS[step].0,
            "dump",
            "--dump-date",
            dump::DAY,
        ];
        let (time, said) = self.sides[side].weir(&arguments).await?;
        ensure!(said.contains(&format!(": {} rows", self.rows)), "{said}");
        Ok(vec![time.as_secs_f64()])
    }
}

/// Sends readings at a steady rate, and measures the time until they are committed.
pub(super) struct Latency {
    loads: Vec<latency::Load>,
    clients: Vec<Client>,
}

impl Latency {
    /// Readings a second, and the seconds of a measurement.
    const RATE: u32 = 1000;
    const SECONDS: u32 = 4;

    pub(super) async fn new(sides: &[Side]) -> anyhow::Result<Self> {
        let (mut loads, mut clients) = (Vec::new(), Vec::new());
        for side in sides {
            let program = side.build.program("weir");
            loads.push(latency::Load::start(&program, &side.folder, &side.url).await?);
            clients.push(connect(&side.url).await?);
        }
        Ok(Self { loads, clients })
    }
}

impl Way for Latency {
    fn steps(&self) -> Vec<Step> {
        let drain = Step::new(&[latency::DRAIN], 1);
        let ways = latency::WAYS.iter().map(|(_, figures)| Step::new(figures, 1));
        ways.chain(std::iter::once(drain)).collect()
    }

    async fn measure(&mut self, side: usize, step: usize) -> anyhow::Result<Vec<f64>> {
        let (load, sql) = (&mut self.loads[side], &self.clients[side]);
        match latency::WAYS.get(step) {
            Some((partitions, _)) => {
                Ok(load.measure(sql, *partitions, Self::RATE, Self::SECONDS).await?.into())
            }
            None => Ok(vec![load.drain(sql).await?]),
        }
    }
}

/// Reads readings from an Apache Kafka, until all are visible in the log and the projection.
pub(super) struct Kafka {
    // Each side has a topic and a group, named after the side.
    servers: Vec<Weir>,
    clients: Vec<Client>,
    broker: kafka::ApacheKafka,
    readings: usize,
    next: [usize; 2],
}

impl Kafka {
    const SIDES: [&'static str; 2] = ["base", "this"];

    pub(super) async fn new(sides: &[Side], folder: &Path, readings: u32) -> anyhow::Result<Self> {
        let broker = kafka::ApacheKafka::start(folder.join("kafka")).await?;
        let (mut servers, mut clients) = (Vec::new(), Vec::new());
        for (side, name) in sides.iter().zip(Self::SIDES) {
            let program = side.build.program("weir");
            servers.push(broker.weir(&program, &side.folder, &side.url, name, &[]).await?);
            clients.push(connect(&side.url).await?);
        }
        let readings = usize::try_from(readings)?;
        Ok(Self { servers, clients, broker, readings, next: [0; 2] })
    }
}

impl Way for Kafka {
    fn steps(&self) -> Vec<Step> {
        vec![Step::new(&["kafka"], 1)]
    }

    async fn measure(&mut self, side: usize, _: usize) -> anyhow::Result<Vec<f64>> {
        let (first, count) = (self.next[side], self.readings);
        self.next[side] += count;
        let name = Self::SIDES[side];
        Ok(vec![self.broker.drain(name, &self.clients[side], first, count).await?])
    }

    fn notes(&self) -> anyhow::Result<Vec<String>> {
        let peak = |(name, server): (&&str, &Weir)| {
            Ok(format!("peak memory of weir, {name}: {:.1} MB", server.memory_mb()?))
        };
        Self::SIDES.iter().zip(&self.servers).map(peak).collect()
    }
}

/// Measures cold starts of the functions.
pub(super) struct Start<'s> {
    sides: &'s [Side],
}

impl<'s> Start<'s> {
    pub(super) const PROGRAMS: [&'static str; 5] = ["ingest", "api", "dump", "collect", "migrate"];

    pub(super) async fn new(sides: &'s [Side]) -> anyhow::Result<Self> {
        let mut start = Self { sides };
        for side in 0..sides.len() {
            // The function migrate creates the schema for the other functions.
            start.measure(side, 4).await?;
        }
        Ok(start)
    }
}

impl Way for Start<'_> {
    fn steps(&self) -> Vec<Step> {
        let of = |name| {
            Step::new(&[&format!("start_{name}_init_ms"), &format!("start_{name}_answer_ms")], 3)
        };
        Self::PROGRAMS.iter().map(of).collect()
    }

    async fn measure(&mut self, side: usize, step: usize) -> anyhow::Result<Vec<f64>> {
        let side = &self.sides[side];
        let program = side.build.program(Self::PROGRAMS[step]);
        let (init, answer) =
            start::start(&program, &side.url, &start::functions(&side.folder)[step]).await?;
        Ok(vec![init.as_secs_f64(), answer.as_secs_f64()])
    }
}
