//! The connection is cut at every message of the transaction: before the server gets the message,
//! and before its answer returns.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use weir_model::KafkaBatch;
use weir_store::{Report, Store, StoreError, WriteLimits};
use weir_testkit::{Action, KafkaEvent, Proxy, Record, Step};
use weir_tests::{
    BATCH_TIME, World, audit,
    dice::Dice,
    reading,
    traffic::{Place, Traffic, place, store_on, writer_of},
};

/// A path through the write code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    /// The partitions are registered, gaps are closed and opened, and `COMMIT` is pipelined.
    Whole,
    /// As `Whole`, with a plugin: `COMMIT` follows the plugin's answers.
    Plugin,
    /// The partitions are new.
    First,
    /// The database refuses a record, so the batch is split in halves under savepoints.
    Halves,
}

struct Batches {
    /// Delivered first, without cuts. It leaves gaps for the next batch.
    before: Vec<Record>,
    /// Delivered over the connection that is cut.
    cut: Vec<Record>,
}

/// The first batch has the upper part of each lane. The second batch has a part from the middle on,
/// which closes one gap and leaves another.
fn batches(path: Path, tag: u64) -> Batches {
    let mut dice = Dice::new(tag);
    let mut traffic = Traffic::new(&mut dice, tag, 9);
    if path == Path::Halves {
        // A short batch, because every half takes about ten messages. The database refuses the last
        // record.
        traffic.lanes.retain(|lane| lane.records[0].topic == "readings");
        traffic.lanes.truncate(1);
        traffic.lanes[0].records =
            (0..3).map(|offset| a_reading(offset == 2, tag, offset)).collect();
    }
    let (mut before, mut cut) = (Vec::new(), Vec::new());
    for lane in &traffic.lanes {
        let (lower, upper) = lane.records.split_at(lane.records.len() * 2 / 3);
        match path {
            Path::First | Path::Halves => cut.extend_from_slice(&lane.records),
            Path::Whole | Path::Plugin => {
                before.extend_from_slice(upper);
                cut.extend_from_slice(&lower[lower.len() / 3..]);
            }
        }
    }
    if path == Path::Whole {
        before.push(Record {
            topic: "orders".into(),
            partition: 9,
            offset: 90,
            ..Record::default()
        });
        // This value takes two pieces of COPY data.
        let value = format!("\"{}\"", "x".repeat(270_000));
        cut.push(Record {
            topic: "orders".into(),
            partition: 9,
            offset: 100,
            value: value.into(),
            ..Record::default()
        });
    }
    Batches { before, cut }
}

fn a_reading(refused: bool, tag: u64, offset: i64) -> Record {
    let value = if refused { 666.0 } else { 1.0 };
    Record {
        topic: "readings".into(),
        offset,
        value: reading(&format!("s{tag}_0"), value, &format!("2026-01-01T00:00:0{offset}Z")).into(),
        ..Record::default()
    }
}

fn places(records: &[Record]) -> BTreeSet<Place> {
    records.iter().map(place).collect()
}

async fn write(
    store: &Store,
    group: &str,
    path: Path,
    records: &[Record],
    retries: u32,
) -> anyhow::Result<Result<Report, StoreError>> {
    let limits = WriteLimits { max_retries: retries };
    let writer = writer_of(store.clone(), group, path == Path::Plugin)?.with_limits(limits);
    let event = KafkaEvent::new(records.iter().cloned()).to_bytes();
    Ok(writer.write(&KafkaBatch::parse(&event)?, BATCH_TIME).await)
}

/// Creates a database that refuses readings with the value 666.
async fn world() -> anyhow::Result<World> {
    let world = World::new().await?;
    world
        .sql
        .batch_execute("ALTER TABLE readings ADD CONSTRAINT no_666 CHECK (value <> 666)")
        .await?;
    Ok(world)
}

/// Cuts at each message in turn. Returns the number of cuts.
async fn cut_everywhere(path: Path, action: Action, retries: u32) -> anyhow::Result<usize> {
    let (world, clean) = (world().await?, world().await?);
    let proxy = Proxy::start(&world.database.url()).await?;
    let (direct, clean_store) =
        (store_on(&world.database.url())?, store_on(&clean.database.url())?);
    for number in 1.. {
        let (group, Batches { before, cut }) =
            (format!("group{number}"), batches(path, u64::try_from(number)?));
        let all: BTreeSet<Place> = places(&before).union(&places(&cut)).cloned().collect();
        if !before.is_empty() {
            write(&direct, &group, path, &before, 0).await??;
        }
        let store = store_on(&proxy.url(&world.database.url()))?;
        proxy.cut_at(Step::Message(number), action);
        let result = write(&store, &group, path, &cut, retries).await?;
        let stored = audit::places(&world.sql, &group).await?;
        let about = || format!("{path:?}, {action:?}, message {number}, {:?}", proxy.executed());
        match result {
            Ok(report) if !proxy.was_reached() => {
                let whole: Vec<Record> = before.into_iter().chain(cut).collect();
                write(&clean_store, &group, path, &whole, 0).await??;
                if path == Path::Halves {
                    ensure!(
                        report.event_failed == 1 && report.event_acknowledged == 2,
                        "{report:?}"
                    );
                }
                audit::exactly_once(&stored, &all)?;
                audit::equal(&world.sql, &clean.sql).await?;
                return Ok(number - 1);
            }
            Ok(report) => {
                // Types get their numbers after `COMMIT`, so the batch was stored before an error.
                let was_stored = report.retries == 0 && proxy.executed().contains(&"COMMIT".into());
                ensure!(
                    was_stored || retries > 0 && report.retries == 1,
                    "{}: {report:?}",
                    about()
                );
                audit::exactly_once(&stored, &all).with_context(about)?;
            }
            Err(error) => {
                ensure!(retries == 0 && error.is_transient(), "{}: {error}", about());
                let nothing_new = places(&before);
                audit::exactly_once(
                    &stored,
                    if stored.len() == nothing_new.len() { &nothing_new } else { &all },
                )
                .with_context(about)?;
            }
        }
        let new = if stored.len() == all.len() { 0 } else { cut.len() };
        let again = write(&direct, &group, path, &cut, 0).await?.with_context(about)?;
        ensure!(
            (again.event_action, again.event_already_consumed) == (new, cut.len() - new),
            "{}: {again:?}",
            about()
        );
        audit::exactly_once(&audit::places(&world.sql, &group).await?, &all).with_context(about)?;
        let whole: Vec<Record> = before.into_iter().chain(cut).collect();
        write(&clean_store, &group, path, &whole, 0).await??;
    }
    anyhow::bail!("there is always one message more")
}

/// Cuts the connection before and after each message, each with its number of retries.
async fn both_ways(path: Path, messages: usize, retries: &[(Action, u32)]) -> anyhow::Result<()> {
    for (action, retries) in retries {
        let cuts = cut_everywhere(path, *action, *retries).await?;
        println!("{path:?}, {action:?}, {retries} retries: {cuts} cuts");
        ensure!(cuts >= messages, "{path:?}: only {cuts} messages");
    }
    Ok(())
}

const ALL: [(Action, u32); 4] = [
    (Action::BeforeForward, 0),
    (Action::BeforeForward, 3),
    (Action::SwallowAnswer, 0),
    (Action::SwallowAnswer, 3),
];

#[tokio::test]
async fn cut_at_every_message() -> anyhow::Result<()> {
    both_ways(Path::Whole, 30, &ALL).await
}

#[tokio::test]
async fn cut_at_every_message_with_a_plugin() -> anyhow::Result<()> {
    both_ways(Path::Plugin, 30, &ALL).await
}

#[tokio::test]
async fn cut_at_every_message_of_a_first_batch() -> anyhow::Result<()> {
    both_ways(Path::First, 30, &ALL).await
}

// Split in two tests, because it takes long.
#[tokio::test]
async fn cut_before_every_message_of_the_halves() -> anyhow::Result<()> {
    both_ways(Path::Halves, 80, &[(Action::BeforeForward, 0)]).await
}

#[tokio::test]
async fn cut_after_every_message_of_the_halves() -> anyhow::Result<()> {
    both_ways(Path::Halves, 80, &[(Action::SwallowAnswer, 3)]).await
}

/// The server has committed, but its answer is lost.
#[tokio::test]
async fn cut_between_commit_and_its_answer() -> anyhow::Result<()> {
    let world = World::new().await?;
    let proxy = Proxy::start(&world.database.url()).await?;
    let (through, direct) =
        (store_on(&proxy.url(&world.database.url()))?, store_on(&world.database.url())?);
    for (path, retries) in
        [(Path::Whole, 3), (Path::Whole, 0), (Path::Plugin, 3), (Path::Plugin, 0)]
    {
        let group = format!("{path:?}{retries}");
        let tag = u64::from(retries);
        let Batches { mut before, mut cut } = batches(path, tag);
        // The readings have new instants, so the first COMMIT is the one that stores them.
        for some in [&mut before, &mut cut] {
            some.retain(|record| record.topic != "readings");
        }
        before.push(a_reading(false, tag, 5));
        cut.extend((0..3).map(|offset| a_reading(false, tag, offset)));
        write(&direct, &group, path, &before, 0).await??;
        proxy.cut_at(Step::Execute("COMMIT".into()), Action::SwallowAnswer);
        let result = write(&through, &group, path, &cut, retries).await?;
        ensure!(proxy.was_reached());
        let rows = audit::rows(&world.sql, Some(&group)).await?;
        if retries > 0 {
            let report = result?;
            ensure!(
                (report.event_already_consumed, report.event_action, report.retries)
                    == (cut.len(), 0, 1),
                "{report:?}"
            );
        } else {
            ensure!(result.is_err_and(|error| error.is_transient()));
        }
        let again = write(&through, &group, path, &cut, retries).await??;
        ensure!((again.event_already_consumed, again.event_action) == (cut.len(), 0), "{again:?}");
        ensure!(
            audit::rows(&world.sql, Some(&group)).await? == rows,
            "the redelivery changed rows"
        );
        let all: BTreeSet<Place> = places(&before).union(&places(&cut)).cloned().collect();
        audit::exactly_once(&audit::places(&world.sql, &group).await?, &all)?;
    }
    Ok(())
}
