//! `weir topic reset NAME`.

use std::time::Duration;

use weir_kafka::TopicPartition;
use weir_model::Models;
use weir_plugin::Plugins;
use weir_store::{Writer, identity, reset};

use crate::{
    Exit, Settings,
    confirm::{Confirmation, Plan},
    database::Database,
    identity::{IdentityCheck, IdentityError},
    output::say,
    poller::PollerConfig,
};

/// The time limit for one request to the broker.
const ASK_LIMIT: Duration = Duration::from_secs(5);

pub(super) async fn reset(
    settings: &Settings,
    models: &Models,
    plugins: &Plugins,
    topic: &str,
    force: bool,
    confirmation: Confirmation,
) -> Result<(), Exit> {
    let bootstrap = settings.bootstrap();
    let properties = settings.kafka.client.properties();
    let reset = Database::with(settings, async |store| {
        let writer = settings.writer(store, models, plugins).await?;
        let group = writer.group_of(topic);
        let Some(current) = reset::current(store, &group, topic).await? else {
            return Ok((group, None));
        };
        let config = PollerConfig {
            properties: properties.clone(),
            ..PollerConfig::new(&bootstrap, &group, &[])
        };
        match agrees(&writer, &config, topic).await {
            Ok(true) if !force => {
                return Err(Exit::usage(format!(
                    "topic {topic} was not reset: the broker's topic agrees with the stored \
                        records, so a reset would store all records a second time; give --force \
                        to reset it anyway"
                )));
            }
            Ok(_) => {}
            Err(error) => say!(
                "could not compare topic {topic} with the broker ({error}): reset it only if it \
                    was recreated or truncated"
            ),
        }
        plan(&current, &group, topic).confirm(confirmation).await?;
        let stream = reset::begin_epoch(store, &group, topic).await?;
        Ok((group, stream))
    });
    let (group, stream) = reset.await?;
    let Some(stream) = stream else {
        return Err(Exit::usage(format!(
            "topic {topic} needs no reset: group {group} has no stored record of it; if you \
                expected records, check the topic's name and --group-id"
        )));
    };
    say!(
        "topic {topic} of group {group} is in a new epoch (stream {stream}): its offsets begin at \
            0 again"
    );
    match weir_kafka::commit_first(&bootstrap, &properties, &group, topic, ASK_LIMIT).await {
        Ok(true) => {
            say!("group {group} reads topic {topic} from the first offset that the broker has");
        }
        Ok(false) => say!(
            "a consumer of group {group} is running, so the group's offsets in Kafka were not \
                changed: a running weir reads from the first offset within seconds; in AWS, delete \
                the event source mapping and create it again"
        ),
        Err(error) => say!(
            "the offsets of group {group} in Kafka were not changed ({error}): weir reads from the \
                first offset anyway; in AWS, delete the event source mapping and create it again"
        ),
    }
    Ok(())
}

fn plan(current: &reset::CurrentStream, group: &str, topic: &str) -> Plan {
    let reset::CurrentStream { stream, epoch, partitions, offsets } = current;
    Plan {
        what: vec![
            format!(
                "topic {topic} of group {group} is in epoch {epoch} (stream {stream}), and has \
                    {offsets} settled offsets in {partitions} partitions"
            ),
            "a new epoch will begin: offsets begin at 0 again, and every record that Kafka has \
                counts as new"
                .to_owned(),
        ],
        undo: "a new epoch cannot be undone. Stored records stay unchanged. If the topic was not \
            recreated, its records are stored a second time"
            .to_owned(),
    }
}

/// Returns whether records of the topic are stored, and none of them contradicts the broker's log.
/// A partition that cannot be compared may contradict.
async fn agrees(
    writer: &Writer,
    config: &PollerConfig,
    topic: &str,
) -> Result<bool, IdentityError> {
    let kept = weir_kafka::watermarks(
        &config.bootstrap,
        &config.properties,
        &[topic.to_owned()],
        ASK_LIMIT,
    )
    .await?;
    for (place, why) in &kept.unreadable {
        say!(
            "could not compare partition {place} with the broker ({why}): reset the topic only if \
                it was recreated or truncated"
        );
    }
    let places: Vec<_> = kept
        .partitions
        .iter()
        .map(|p| (TopicPartition::new(&p.topic, p.partition), p.high))
        .collect();
    let names: Vec<_> = kept.partitions.iter().map(|p| (p.topic.as_str(), p.partition)).collect();
    let is_stored =
        identity::read(writer, &names).await?.iter().any(|stored| stored.next_offset > 0);
    let found = IdentityCheck::new(writer.clone(), config.clone()).contradictions(&places).await?;
    Ok(is_stored && kept.unreadable.is_empty() && found.iter().all(Option::is_none))
}
