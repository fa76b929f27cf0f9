//! The order of arrival never changes the result.

use weir_store::Writer;
use weir_testkit::Record;
use weir_tests::{
    World,
    batches::{build, build_id, event, record},
    deliver,
    dice::{Dice, again, seeds},
    reading, tables,
};

const OLD: &str = "2026-01-02T00:00:00Z";
const NEW: &str = "2026-01-03T00:00:00Z";

/// Delivers builds one after another. Returns the status, and whether the build is reaped.
async fn after(values: &[(&str, &str, bool)]) -> anyhow::Result<(String, bool)> {
    let world = World::new().await?;
    for (offset, (status, updated_at, reaped)) in (0..).zip(values) {
        world
            .deliver(event([record(
                "build_events",
                0,
                offset,
                build(1, status, updated_at, *reaped),
            )]))
            .await?;
    }
    let row = world.sql.query_one("SELECT status_build, reaped FROM builds", &[]).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

#[tokio::test]
async fn an_older_build_event_after_a_newer_one() -> anyhow::Result<()> {
    assert_eq!(after(&[("new", NEW, false), ("old", OLD, false)]).await?, ("new".into(), false));
    assert_eq!(after(&[("old", OLD, false), ("new", NEW, false)]).await?, ("new".into(), false));
    Ok(())
}

#[tokio::test]
async fn nothing_un_reaps() -> anyhow::Result<()> {
    assert_eq!(
        after(&[("reaped", NEW, true), ("old", OLD, false)]).await?,
        ("reaped".into(), true)
    );
    assert_eq!(
        after(&[("reaped", OLD, true), ("new", NEW, false)]).await?,
        ("reaped".into(), true)
    );
    assert_eq!(
        after(&[("new", NEW, false), ("reaped", OLD, true)]).await?,
        ("reaped".into(), true)
    );
    assert_eq!(
        after(&[("reaped later", NEW, true), ("reaped", OLD, true)]).await?,
        ("reaped later".into(), true)
    );
    Ok(())
}

#[tokio::test]
async fn the_stale_ones_are_counted() -> anyhow::Result<()> {
    let world = World::new().await?;
    let first =
        world.deliver(event([record("build_events", 0, 0, build(1, "new", NEW, false))])).await?;
    let second = world
        .deliver(event([
            record("build_events", 0, 1, build(1, "old", OLD, false)),
            record("build_events", 0, 2, build(2, "x", OLD, false)),
        ]))
        .await?;
    assert_eq!((first.event_stale, second.event_stale, second.event_acknowledged), (0, 1, 2));
    Ok(())
}

/// One of several events about the same entity.
#[derive(Debug, Clone)]
struct Step {
    /// The index of the stream, in the order in which the streams were first seen.
    stream: usize,
    partition: i32,
    offset: i64,
    timestamp: i64,
    updated_day: u64,
    reaped: bool,
}

const STREAMS: [&str; 2] = ["build_events", "more_builds"];
const READING_STREAMS: [&str; 2] = ["readings", "more_readings"];

impl Step {
    /// Creates six steps in four partitions. They have few different values, so that ties are
    /// frequent.
    fn six(dice: &mut Dice) -> Vec<Self> {
        let places = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1), (1, 0, 0), (1, 1, 0)];
        let step = |(stream, partition, offset)| Self {
            stream,
            partition,
            offset,
            timestamp: if dice.percent(50) { 5 } else { 7 },
            updated_day: dice.within(1..3),
            reaped: dice.percent(30),
        };
        places.map(step).to_vec()
    }

    fn name(&self) -> String {
        format!("s{}p{}o{}", self.stream, self.partition, self.offset)
    }

    fn at(&self, topic: &str, value: String) -> Record {
        Record { timestamp: self.timestamp, ..record(topic, self.partition, self.offset, value) }
    }

    fn build(&self, n: u32) -> Record {
        self.at(
            STREAMS[self.stream],
            build(
                n,
                &self.name(),
                &format!("2026-01-0{}T00:00:00Z", self.updated_day),
                self.reaped,
            ),
        )
    }

    /// Returns a reading for a fixed instant. Its value identifies the step.
    fn reading(&self, sensor: u32) -> Record {
        self.at(READING_STREAMS[self.stream], reading(&format!("s{sensor}"), self.value(), OLD))
    }

    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn value(&self) -> f64 {
        f64::from(self.partition) * 10.0 + self.offset as f64 + self.stream as f64 * 100.0
    }
}

/// Returns a writer of a separate group, whose streams are registered in order.
async fn group(world: &World, n: u32) -> anyhow::Result<Writer> {
    let mut config = weir_tests::topics_config()?;
    config.topics = "+more_builds=builds,more_readings=readings".parse()?;
    let models = weir_model::models::builtin();
    let topics = weir_model::Topics::new(&config, &models)?;
    let writer = Writer::new(world.writer.store().clone(), models, topics, format!("group-{n}"));
    for topic in STREAMS.iter().chain(&READING_STREAMS) {
        deliver(&writer, event([record(topic, 9, 0, "{}")])).await?;
    }
    Ok(writer)
}

/// Delivers the records in this order, some of them together. A batch has at most one record of a
/// partition: the offsets between two records would be a hole.
async fn in_order(writer: &Writer, dice: &mut Dice, records: Vec<Record>) -> anyhow::Result<()> {
    let mut batch: Vec<Record> = Vec::new();
    for record in records {
        let same =
            batch.iter().any(|r| (&r.topic, r.partition) == (&record.topic, record.partition));
        if !batch.is_empty() && (same || dice.percent(60)) {
            deliver(writer, event(std::mem::take(&mut batch))).await?;
        }
        batch.push(record);
    }
    deliver(writer, event(batch)).await?;
    Ok(())
}

#[tokio::test]
async fn every_order_of_six_build_events_gives_the_greatest_of_them() -> anyhow::Result<()> {
    let world = World::new().await?;
    for (seed, n) in seeds(240)?.into_iter().zip(1..) {
        let mut dice = Dice::new(seed);
        let mut steps = Step::six(&mut dice);
        let wanted = steps
            .iter()
            .max_by_key(|s| (s.reaped, s.updated_day, s.timestamp, s.stream, s.partition, s.offset))
            .map(Step::name);
        dice.shuffle(&mut steps);
        let writer = group(&world, n).await?;
        in_order(&writer, &mut dice, steps.iter().map(|s| s.build(n)).collect()).await?;
        let got = tables::column(
            &world.sql,
            &format!("SELECT status_build FROM builds WHERE id = '{}'", build_id(n)),
        )
        .await?;
        assert_eq!(got.first(), wanted.as_ref(), "{steps:#?}\n{}", again(seed));
    }
    Ok(())
}

#[tokio::test]
async fn every_order_of_six_readings_of_one_instant_gives_the_greatest_of_them()
-> anyhow::Result<()> {
    let world = World::new().await?;
    for (seed, n) in seeds(240)?.into_iter().zip(1..) {
        let mut dice = Dice::new(seed);
        let mut steps = Step::six(&mut dice);
        let wanted = steps
            .iter()
            .max_by_key(|s| (s.timestamp, s.stream, s.partition, s.offset))
            .map(Step::value);
        dice.shuffle(&mut steps);
        let writer = group(&world, n).await?;
        in_order(&writer, &mut dice, steps.iter().map(|s| s.reading(n)).collect()).await?;
        let got: f64 = world
            .sql
            .query_one("SELECT value FROM readings WHERE sensor = $1", &[&format!("s{n}")])
            .await?
            .try_get(0)?;
        assert_eq!(Some(got), wanted, "{steps:#?}\n{}", again(seed));
    }
    Ok(())
}

/// The same six steps in one batch in random order, and one after another in random order.
#[tokio::test]
async fn a_batch_is_de_duplicated_by_the_same_order() -> anyhow::Result<()> {
    for seed in seeds(12)? {
        let mut dice = Dice::new(seed);
        let mut steps = Step::six(&mut dice);
        let (one, many) = (World::new().await?, World::new().await?);
        let (writer_one, writer_many) = (group(&one, 1).await?, group(&many, 1).await?);
        let records = |steps: &[Step]| {
            steps.iter().flat_map(|s| [s.build(1), s.reading(1)]).collect::<Vec<_>>()
        };
        deliver(&writer_one, event(records(&steps))).await?;
        dice.shuffle(&mut steps);
        in_order(&writer_many, &mut dice, records(&steps)).await?;
        for table in ["builds", "readings"] {
            assert_eq!(
                tables::rows(&many.sql, table).await?,
                tables::rows(&one.sql, table).await?,
                "{table}: {steps:#?}\n{}",
                again(seed)
            );
        }
    }
    Ok(())
}
