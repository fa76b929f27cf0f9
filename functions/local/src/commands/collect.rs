//! `weir collect DIR`: sends the files of a folder to Kafka.

mod checkpoint;
mod folder;
mod totals;

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;
use weir_collect::{
    body::ByteSource,
    files::{self, FileRules},
    intake::{Ended, Intake},
};
use weir_kafka::{Backpressure, Producer, TopicPartition, committed};
use weir_model::{Models, Topics};
use weir_plugin::Plugins;
use weir_settings::DataSettings;

use self::{
    checkpoint::{Checkpoint, Collected},
    folder::FolderFile,
    totals::CollectTotals,
};
use crate::{Exit, Settings, database::Database, output::say, progress, settings::CollectArgs};

/// The time limit for the broker's answer with the group's offsets.
const ASK_LIMIT: Duration = Duration::from_secs(10);

pub(super) async fn run(
    settings: &Settings,
    models: &Models,
    plugins: &Plugins,
    args: &CollectArgs,
) -> Result<(), Exit> {
    // With an external Kafka the command works without a database.
    let data = if Database::exists(settings) {
        Database::with(settings, async |store| settings.data(store).await).await?
    } else {
        settings.wanted()?.alone()?
    };
    let topics = Topics::new(&data.topics, models).map_err(Exit::usage)?;
    let on = data.switched_on(plugins)?;
    let intake =
        Intake::new(Arc::new(producer(settings, &data)?), models.clone(), topics, on.decoders());
    let found = folder::files(&args.folder, &args.rules)?;
    for rule in &args.rules.files {
        intake
            .target(&rule.topic, None)
            .map_err(|error| Exit::usage(format!("--files {rule}: {error}")))?;
    }
    let mut checkpoint = Checkpoint::open(&settings.data_dir, &args.folder, args.again)?;
    // Unchanged files take no time, so they would make the rate and the remaining time wrong.
    let todo = found
        .files
        .iter()
        .filter(|file| matches!(checkpoint.of(file), Collected::Part { .. }))
        .map(|file| file.bytes)
        .sum();
    let bar = progress::bytes("collecting", todo);
    let mut sum = CollectTotals::new(bar.clone());
    for fault in &found.faults {
        sum.failed(fault);
    }
    let mut done = 0;
    for file in &found.files {
        match checkpoint.of(file) {
            Collected::Whole { unreadable } => sum.unchanged(file, unreadable),
            Collected::Part { values } => {
                let source = file.open(&bar).await;
                one(&intake, &args.rules, file, source, values, &mut checkpoint, &mut sum).await?;
                done += file.bytes;
                bar.set_position(done);
            }
        }
    }
    bar.finish_and_clear();
    say!(
        "{} values of {} files sent, {} files unchanged since they were collected",
        sum.values,
        sum.files,
        sum.unchanged
    );
    sum.end()
}

/// Collects one file from the position of the last run. An error is one that would stop the other
/// files too.
async fn one(
    intake: &Intake,
    rules: &FileRules,
    file: &FolderFile,
    source: std::io::Result<Box<dyn ByteSource>>,
    done: u64,
    checkpoint: &mut Checkpoint,
    sum: &mut CollectTotals,
) -> Result<(), Exit> {
    let name = &file.file.name;
    let Some(topic) = rules.topic(name) else { return Ok(()) };
    let target = intake.target(topic, None).map_err(Exit::usage)?;
    let source = match source {
        Ok(source) => source,
        Err(error) => {
            sum.failed(&format!("{name}: {error}"));
            return Ok(());
        }
    };
    let mut kept = Ok(());
    let mut step = |values: u64| kept = checkpoint.note(file, Collected::Part { values });
    let report = files::collect(&target, source, &file.file, &rules.reading, done, &mut step).await;
    kept?;
    sum.files += 1;
    sum.values += report.accepted;
    sum.unreadable += report.invalid_count;
    for one in report.reasons() {
        sum.line(format_args!("{name}, {one}"));
    }
    match &report.ended {
        Ended::Whole => {
            checkpoint.note(file, Collected::Whole { unreadable: report.invalid_count })
        }
        Ended::Kafka { brokers, reason } => Err(Exit::failed(format!(
            "{name}: Kafka at {brokers} did not acknowledge all values ({reason}); run collect \
                again to continue there"
        ))),
        Ended::TooLarge(count) => {
            let todo = "raise the topic's max.message.bytes, or give a batch.size below it with \
                --kafka-property";
            sum.failed(&format!(
                "{name}: {count} values were in batches that are larger than the topic accepts; \
                {todo}"
            ));
            Ok(())
        }
        Ended::Body(fault) => {
            sum.failed(&format!("{name}: {fault}"));
            Ok(())
        }
        Ended::Malformed { place, reason } => {
            sum.failed(&format!("{name}, line {}: {reason}", place.line));
            Ok(())
        }
    }
}

/// Creates a producer for the given broker, or for the embedded broker of a running `weir`. For the
/// embedded broker it waits while too many records are unread.
fn producer(settings: &Settings, data: &DataSettings) -> Result<Producer, Exit> {
    let properties = settings.kafka.client.properties();
    if let Some(bootstrap) = &settings.kafka.client.kafka {
        return Ok(Producer::new(bootstrap, &properties)?);
    }
    let bootstrap = settings.bootstrap();
    let (group, topics, at) = (data.one_group()?, data.topic_names(), bootstrap.clone());
    let read = move || {
        let (group, topics, at) = (group.clone(), topics.clone(), at.clone());
        async move {
            let all =
                committed(&at, &std::collections::BTreeMap::new(), &group, &topics, ASK_LIMIT)
                    .await
                    .unwrap_or_default();
            all.into_iter()
                .filter_map(|one| Some((TopicPartition::new(&one.topic, one.partition), one.next?)))
                .collect()
        }
        .boxed()
    };
    Ok(Producer::with_backpressure(&bootstrap, &properties, Backpressure::new(read))?)
}
