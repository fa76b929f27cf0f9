//! `weir collect DIR`: the files of a folder to Kafka.

mod checkpoint;
mod folder;

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;
use weir_collect::{
    files::{self, FileRules},
    intake::{Ended, Intake, Report},
};
use weir_kafka::{Backpressure, Producer, TopicPartition, committed};
use weir_model::{Models, Topics};
use weir_plugin::Plugins;
use weir_settings::DataSettings;

use self::{checkpoint::Checkpoint, folder::FolderFile};
use crate::{
    Exit, Settings,
    database::Database,
    output::{self, say},
    progress,
    settings::CollectArgs,
};

/// How long the broker may take to say how far the group is.
const ASK_LIMIT: Duration = Duration::from_secs(10);

pub(super) async fn run(settings: &Settings, models: &Models, plugins: &Plugins, args: &CollectArgs) -> Result<(), Exit> {
    // Where Kafka is another's, there need be no database.
    let data = if Database::exists(settings) {
        Database::with(settings, async |store| settings.data(store).await).await?
    } else {
        settings.wanted()?.alone()?
    };
    let topics = Topics::new(&data.topics, models).map_err(Exit::usage)?;
    let on = data.switched_on(plugins)?;
    let intake = Intake::new(Arc::new(producer(settings, &data)?), models.clone(), topics, on.decoders());
    let found = folder::files(&args.folder, &args.rules)?;
    for rule in &args.rules.files {
        intake.target(&rule.topic, None).map_err(|error| Exit::usage(format!("--files {rule}: {error}")))?;
    }
    let mut checkpoint = Checkpoint::open(&settings.data_dir, &args.folder, args.again)?;
    let bar = progress::bar("collecting");
    let bytes: u64 = found.iter().map(|file| file.bytes).sum();
    bar.set_length(bytes);
    let mut sum = CollectTotals::default();
    for file in &found {
        match checkpoint.of(file) {
            None => sum.unchanged += 1,
            Some(done) => one(&intake, &args.rules, file, done, &mut checkpoint, &mut sum).await?,
        }
        bar.inc(file.bytes);
    }
    bar.finish_and_clear();
    say!("{} values of {} files, {} files unchanged since they were collected", sum.values, sum.files, sum.unchanged);
    if sum.refused > 0 { Err(Exit::failed(format!("{} were refused: see above", sum.refused))) } else { Ok(()) }
}

#[derive(Default)]
struct CollectTotals {
    files: u64,
    values: u64,
    refused: u64,
    unchanged: u64,
}

/// One file from where it was left.
async fn one(
    intake: &Intake,
    rules: &FileRules,
    file: &FolderFile,
    done: u64,
    checkpoint: &mut Checkpoint,
    sum: &mut CollectTotals,
) -> Result<(), Exit> {
    let Some(topic) = rules.topic(&file.file.name) else { return Ok(()) };
    let target = intake.target(topic, None).map_err(Exit::usage)?;
    let source = file.open().await?;
    let mut kept = Ok(());
    let mut step = |values: u64| kept = checkpoint.note(file, values, false);
    let report = files::collect(&target, source, &file.file, done, &mut step).await;
    kept?;
    sum.files += 1;
    sum.values += report.accepted;
    sum.refused += report.invalid_count;
    for one in report.reasons() {
        output::error_line(format_args!("{}, {one}", file.file.name));
    }
    over(&report, file)?;
    checkpoint.note(file, 0, true)
}

fn over(report: &Report, file: &FolderFile) -> Result<(), Exit> {
    let name = &file.file.name;
    match &report.ended {
        Ended::Whole => Ok(()),
        Ended::Malformed { place, reason } => Err(Exit::failed(format!(
            "{name}, line {}: {reason}; correct it and collect again, what was sent before stays as it is",
            place.line
        ))),
        Ended::Body(fault) => Err(Exit::failed(format!("{name}: {fault}"))),
        Ended::Kafka(reason) => Err(Exit::failed(format!("{name}: kafka did not take everything ({reason}); collect again goes on there"))),
    }
}

/// To the broker that is given, or to the embedded one of a `weir` that runs, no faster than that is read.
fn producer(settings: &Settings, data: &DataSettings) -> Result<Producer, Exit> {
    let properties = settings.kafka.client.properties();
    if let Some(bootstrap) = &settings.kafka.client.kafka {
        return Ok(Producer::new(bootstrap, &properties)?);
    }
    let bootstrap = format!("localhost:{}", settings.kafka_port);
    let (group, topics, at) = (data.one_group()?, data.topic_names(), bootstrap.clone());
    let read = move || {
        let (group, topics, at) = (group.clone(), topics.clone(), at.clone());
        async move {
            let all = committed(&at, &std::collections::BTreeMap::new(), &group, &topics, ASK_LIMIT).await.unwrap_or_default();
            all.into_iter().filter_map(|one| Some((TopicPartition::new(&one.topic, one.partition), one.next?))).collect()
        }
        .boxed()
    };
    Ok(Producer::with_backpressure(&bootstrap, &properties, Backpressure::new(read))?)
}
