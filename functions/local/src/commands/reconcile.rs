//! `weir reconcile`: broker offsets against log and failures.

use std::{collections::BTreeMap, time::Duration};

use weir_model::Models;
use weir_plugin::Plugins;
use weir_store::reconcile::{BrokerPartition, reconcile};

use crate::{Exit, Settings, broker, database::Database, output::say, progress};

/// How long the broker may take to answer one question.
const ASK_LIMIT: Duration = Duration::from_secs(10);

pub(super) async fn run(settings: &Settings, models: &Models, plugins: &Plugins) -> Result<(), Exit> {
    let database = Database::open_or_join(settings).await?;
    let writer = settings.ingest.writer_on(database.store.clone(), models, plugins)?;
    let bootstrap = settings.kafka.kafka.clone().unwrap_or_else(|| format!("localhost:{}", settings.kafka_port));
    let properties: BTreeMap<String, String> = settings.kafka.properties.iter().map(|p| (p.name.clone(), p.value.clone())).collect();
    let topics: Vec<String> = writer.topics().iter().map(|(topic, _)| topic.to_owned()).collect();
    let spinner = progress::spinner("comparing");
    let kept = broker::watermarks(&bootstrap, &properties, &topics, ASK_LIMIT).await;
    let kept: Vec<BrokerPartition> =
        kept?.into_iter().map(|p| BrokerPartition { topic: p.topic, partition: p.partition, low: p.low, high: p.high }).collect();
    let findings = reconcile(&database.store, writer.group_id(), &kept).await;
    spinner.finish_and_clear();
    let (mut missing, mut lost, mut behind) = (0, 0, 0);
    for finding in findings? {
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
    say!("{} partitions compared: {missing} missing, {lost} lost, {behind} not yet read", kept.len());
    drop(writer);
    database.close().await?;
    if missing + lost > 0 { Err(Exit::failed("some records are not in the log")) } else { Ok(()) }
}
