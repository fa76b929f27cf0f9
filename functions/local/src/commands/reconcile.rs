//! `weir reconcile`: broker offsets against log and failures.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use weir_kafka::TopicPartition;
use weir_model::Models;
use weir_plugin::Plugins;
use weir_store::reconcile::{BrokerPartition, Finding, reconcile};

use crate::{Exit, Settings, database::Database, output::say, progress};

/// How long the broker may take to answer one question.
const ASK_LIMIT: Duration = Duration::from_secs(10);

pub(super) async fn run(settings: &Settings, models: &Models, plugins: &Plugins) -> Result<(), Exit> {
    let bootstrap = settings.kafka.client.kafka.clone().unwrap_or_else(|| format!("localhost:{}", settings.kafka_port));
    let properties: BTreeMap<String, String> = settings.kafka.client.properties();
    let spinner = progress::spinner("comparing");
    let compared = Database::with(settings, async |store| {
        let writer = settings.writer(store, models, plugins).await?;
        let topics: Vec<String> = writer.topics().iter().map(|(topic, _)| topic.to_owned()).collect();
        let kept = weir_kafka::watermarks(&bootstrap, &properties, &topics, ASK_LIMIT).await?;
        let absent = kept.absent;
        let kept: Vec<BrokerPartition> = kept
            .partitions
            .into_iter()
            .map(|p| BrokerPartition { topic: p.topic, partition: p.partition, low: p.low, high: p.high })
            .collect();
        let mut findings = Vec::new();
        for of_topic in kept.chunk_by(|a, b| a.topic == b.topic) {
            findings.extend(reconcile(store, &writer.group_of(&of_topic[0].topic), of_topic).await?);
        }
        let undelivered = findings.iter().flat_map(undelivered).collect();
        let first = weir_kafka::first_records(&bootstrap, &properties, writer.group_id(), undelivered, ASK_LIMIT).await?;
        let mut first = first.into_iter();
        for finding in &mut findings {
            without_holes(finding, &mut first);
        }
        Ok((findings, absent))
    });
    let compared = compared.await;
    spinner.finish_and_clear();
    let (findings, absent) = compared?;
    report(&findings, &absent)
}

/// What the broker is said to have and we do not: each such range may be nothing but holes.
fn undelivered(finding: &Finding) -> Vec<(TopicPartition, Range<i64>)> {
    let at = TopicPartition::new(&finding.topic, finding.partition);
    let behind = (finding.behind() > 0).then_some(finding.next_offset..finding.high);
    finding.missing.iter().cloned().chain(behind).map(|range| (at.clone(), range)).collect()
}

/// Begins each range at the first record in it, as `undelivered` gave them; a range without one is a hole.
fn without_holes(finding: &mut Finding, first: &mut impl Iterator<Item = Option<i64>>) {
    let is_behind = finding.behind() > 0;
    for range in std::mem::take(&mut finding.missing) {
        let start = first.next().flatten().unwrap_or(range.end);
        finding.holes += start - range.start;
        finding.missing.extend((start < range.end).then_some(start..range.end));
    }
    if is_behind && first.next().flatten().is_none() {
        finding.holes += finding.behind();
        finding.next_offset = finding.high;
    }
}

fn report(findings: &[Finding], absent: &[String]) -> Result<(), Exit> {
    for topic in absent {
        say!("absent   {topic}: the broker has no such topic; nothing of it to compare");
    }
    let (mut missing, mut lost, mut behind) = (0, 0, 0);
    for finding in findings {
        let place = format!("{}-{}", finding.topic, finding.partition);
        for range in &finding.missing {
            say!("missing  {place} offsets {} to {}: never delivered, the broker still has them", range.start, range.end - 1);
            missing += range.end - range.start;
        }
        for range in &finding.lost {
            say!("lost     {place} offsets {} to {}: never delivered, and the broker has them no more", range.start, range.end - 1);
            lost += range.end - range.start;
        }
        if finding.behind() > 0 {
            say!("behind   {place} by {} records", finding.behind());
            behind += finding.behind();
        }
        if finding.holes > 0 {
            say!("holes    {place}: {} offsets without a record (transaction markers, compaction)", finding.holes);
        }
    }
    say!("{} partitions compared: {missing} missing, {lost} lost, {behind} not yet read", findings.len());
    if missing + lost > 0 { Err(Exit::failed("some records are not in the log")) } else { Ok(()) }
}
