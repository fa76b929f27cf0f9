//! `weir reconcile`: compares the broker's offsets with the log and the failures. With `--repair`
//! it fetches and stores the missing records. It also checks that each archived file exists.

mod report;

use std::{collections::BTreeMap, ops::Range, sync::Arc, time::Duration};

use weir_archive::LostFile;
use weir_ingest::Handler;
use weir_kafka::TopicPartition;
use weir_model::{KafkaBatch, Models};
use weir_plugin::Plugins;
use weir_store::{
    ReadRange, Writer, archive,
    reconcile::{BrokerPartition, Finding, reconcile},
};

use crate::{
    Exit, Settings,
    database::Database,
    dumps,
    identity::IdentityCheck,
    output::{print_json, say},
    poller::{Invoke, PollerConfig, refetch},
    progress,
    serve::IngestFunction,
};

/// The time limit for one request to the broker.
const ASK_LIMIT: Duration = Duration::from_secs(10);

/// The time limit for settling holes.
const WRITE_LIMIT: Duration = Duration::from_mins(1);

pub(super) async fn run(
    settings: &Settings,
    models: &Models,
    plugins: &Plugins,
    repair: bool,
    json: bool,
) -> Result<(), Exit> {
    let bootstrap = settings.bootstrap();
    let broker = Broker { bootstrap, properties: settings.kafka.client.properties() };
    let compared = Database::with(settings, async |store| {
        let writer = settings.writer(store, models, plugins).await?;
        let mut found = broker.compare(&writer).await?;
        let missing: Vec<_> = found.findings.iter().flat_map(missing).collect();
        let mut records = 0;
        if repair && !missing.is_empty() {
            records = broker.repair(settings, &writer, missing).await?;
            if !json {
                say!("repaired: fetched {records} records");
            }
            found = broker.compare(&writer).await?;
        }
        // The records of the archive count as stored, so their files must be there.
        match dumps::archive(settings)?.lost(archive::files(writer.store()).await?).await {
            Ok(lost) => found.lost_files = lost,
            Err(error) => found.unreadable.push(("archive".into(), error.to_string())),
        }
        Ok((found, records))
    });
    let (compared, repaired) = compared.await?;
    if json {
        print_json(&compared.as_json(repaired));
    } else {
        report::print(&compared);
    }
    report::result(&compared)
}

struct Broker {
    bootstrap: String,
    properties: BTreeMap<String, String>,
}

struct Compared {
    findings: Vec<Finding>,
    absent: Vec<String>,
    /// Differences between the stored records and the broker's log, one line each.
    contradictions: Vec<String>,
    /// Archived files that are missing or have another length.
    lost_files: Vec<LostFile>,
    /// The partitions that could not be compared, each with the reason.
    unreadable: Vec<(String, String)>,
}

impl Broker {
    async fn compare(&self, writer: &Writer) -> Result<Compared, Exit> {
        let spinner = progress::spinner("comparing");
        let compared = self.compare_now(writer).await;
        spinner.finish_and_clear();
        compared
    }

    async fn compare_now(&self, writer: &Writer) -> Result<Compared, Exit> {
        let topics: Vec<String> =
            writer.topics().iter().map(|(topic, _)| topic.to_owned()).collect();
        let kept =
            weir_kafka::watermarks(&self.bootstrap, &self.properties, &topics, ASK_LIMIT).await?;
        let (absent, mut unreadable) = (kept.absent, kept.unreadable);
        let places: Vec<_> = kept
            .partitions
            .iter()
            .map(|p| (TopicPartition::new(&p.topic, p.partition), p.high))
            .collect();
        let lines = self.identity(writer).contradictions(&places).await.map_err(Exit::failed)?;
        // A contradiction makes the other comparisons meaningless.
        let sound = kept
            .partitions
            .into_iter()
            .zip(&lines)
            .filter(|(_, line)| line.is_none())
            .map(|(partition, _)| partition);
        let kept: Vec<BrokerPartition> = sound
            .map(|p| BrokerPartition {
                topic: p.topic,
                partition: p.partition,
                low: p.low,
                high: p.high,
                end: p.end,
            })
            .collect();
        let mut findings = Vec::new();
        for of_topic in kept.chunk_by(|a, b| a.topic == b.topic) {
            findings.extend(
                reconcile(writer.store(), &writer.group_of(&of_topic[0].topic), of_topic).await?,
            );
        }
        let undelivered = findings.iter().flat_map(undelivered).collect();
        let first = weir_kafka::first_records(
            &self.bootstrap,
            &self.properties,
            writer.group_id(),
            undelivered,
            ASK_LIMIT,
        )
        .await?;
        unreadable.extend(first.unreadable.iter().map(|(at, why)| (at.to_string(), why.clone())));
        let mut first = first.offsets.into_iter();
        for finding in &mut findings {
            let holes = without_holes(finding, &mut first);
            settle(writer, finding, &holes).await?;
        }
        Ok(Compared {
            findings,
            absent,
            contradictions: lines.into_iter().flatten().collect(),
            lost_files: Vec::new(),
            unreadable,
        })
    }

    fn identity(&self, writer: &Writer) -> IdentityCheck {
        IdentityCheck::new(writer.clone(), self.config(writer))
    }

    fn config(&self, writer: &Writer) -> PollerConfig {
        PollerConfig {
            properties: self.properties.clone(),
            ..PollerConfig::new(&self.bootstrap, writer.group_id(), &[])
        }
    }

    /// Stores the missing records in the same way as the poller does.
    async fn repair(
        &self,
        settings: &Settings,
        writer: &Writer,
        missing: Vec<(TopicPartition, Range<i64>)>,
    ) -> Result<u64, Exit> {
        let config = PollerConfig { bisect: settings.kafka.bisect, ..self.config(writer) };
        let handler: Arc<dyn Invoke> = Arc::new(IngestFunction {
            handler: Handler::new(writer.clone()),
            identity: self.identity(writer),
        });
        let bar = progress::bar("fetching");
        let shown = bar.clone();
        let records = refetch(&config, &handler, missing, move |done, total| {
            progress::on(&shown)(done, total);
        })
        .await;
        bar.finish_and_clear();
        records.map_err(Exit::failed)
    }
}

fn missing(finding: &Finding) -> impl Iterator<Item = (TopicPartition, Range<i64>)> + use<'_> {
    let at = TopicPartition::new(&finding.topic, finding.partition);
    finding.missing.iter().map(move |range| (at.clone(), range.clone()))
}

/// Returns the ranges that the broker should have and the database lacks. Each range may consist of
/// holes only.
fn undelivered(finding: &Finding) -> Vec<(TopicPartition, Range<i64>)> {
    let at = TopicPartition::new(&finding.topic, finding.partition);
    let behind = (!finding.behind.is_empty()).then(|| (at, finding.behind.clone()));
    missing(finding).chain(behind).collect()
}

/// Moves the start of each range to the first record in it. `first` has that record's offset, in
/// the order of `undelivered`.
///
/// Returns the holes before those records.
fn without_holes(
    finding: &mut Finding,
    first: &mut impl Iterator<Item = Option<i64>>,
) -> Vec<Range<i64>> {
    let mut holes = Vec::new();
    let is_behind = !finding.behind.is_empty();
    for range in std::mem::take(&mut finding.missing) {
        let start = first.next().flatten().unwrap_or(range.end);
        holes.push(range.start..start);
        finding.missing.extend((start < range.end).then_some(start..range.end));
    }
    if is_behind && first.next().flatten().is_none() {
        // A partition that was never read has no position from which to continue.
        holes.extend(finding.is_known.then(|| finding.behind.clone()));
        finding.behind.start = finding.behind.end;
    }
    holes.retain(|hole| !hole.is_empty());
    finding.holes += holes.iter().map(|hole| hole.end - hole.start).sum::<i64>();
    holes
}

/// Settles the holes that the broker has confirmed, so that they are not checked again.
async fn settle(writer: &Writer, finding: &Finding, holes: &[Range<i64>]) -> Result<(), Exit> {
    let nothing = KafkaBatch::parse(br#"{"records":{}}"#).map_err(Exit::failed)?;
    for hole in holes {
        let read = ReadRange {
            topic: finding.topic.clone(),
            partition: finding.partition,
            first: hole.start,
            end: hole.end,
        };
        writer.write_read(&nothing, &[read], WRITE_LIMIT).await?;
    }
    Ok(())
}
