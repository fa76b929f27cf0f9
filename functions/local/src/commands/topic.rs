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
    let bootstrap = settings
        .kafka
        .client
        .kafka
        .clone()
        .unwrap_or_else(|| format!("localhost:{}", settings.kafka_port));
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
                    "topic {topic} is the one that is stored: its id and its records agree with the broker, so a reset would only store all of it \
                     once more. Give --force if that is wanted"
                )));
            }
            Ok(_) => {}
            Err(error) => say!("{topic} was not compared with the broker: {error}"),
        }
        plan(&current, &group, topic).confirm(confirmation).await?;
        let stream = reset::begin_epoch(store, &group, topic).await?;
        Ok((group, stream))
    });
    let (group, stream) = reset.await?;
    let Some(stream) = stream else {
        return Err(Exit::usage(format!(
            "group {group} never stored a record of topic {topic}: there is nothing to reset"
        )));
    };
    say!(
        "{topic} begins anew for group {group}, as stream {stream}: its offsets count from 0 again"
    );
    match weir_kafka::commit_first(&bootstrap, &properties, &group, topic, ASK_LIMIT).await {
        Ok(true) => say!("group {group} reads it from the first offset that the broker has"),
        Ok(false) => say!(
            "group {group} is in use: a weir that runs reads it from the first offset within seconds; an event source mapping has to be made anew"
        ),
        Err(error) => say!(
            "group {group} stands where it stood ({error}): a weir reads from the first offset all the same, an event source mapping has to be made anew"
        ),
    }
    Ok(())
}

fn plan(current: &reset::CurrentStream, group: &str, topic: &str) -> Plan {
    let reset::CurrentStream { stream, epoch, partitions, offsets } = current;
    Plan {
        what: vec![
            format!(
                "topic {topic} of group {group} is stream {stream}, epoch {epoch}: {partitions} partitions with {offsets} offsets settled"
            ),
            "a new epoch begins: offsets count from 0 again, and what Kafka delivers under an old one is new".to_owned(),
        ],
        undo: "an epoch is not taken back. What is stored stays as it is; if the topic was not made anew, what comes again is stored twice"
            .to_owned(),
    }
}

/// Returns whether records of the topic are stored, and none of them contradicts the broker's log.
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
    let places: Vec<_> = kept
        .partitions
        .iter()
        .map(|p| (TopicPartition::new(&p.topic, p.partition), p.high))
        .collect();
    let names: Vec<_> = kept.partitions.iter().map(|p| (p.topic.as_str(), p.partition)).collect();
    let is_stored =
        identity::read(writer, &names).await?.iter().any(|stored| stored.next_offset > 0);
    let found = IdentityCheck::new(writer.clone(), config.clone()).contradictions(&places).await?;
    Ok(is_stored && found.iter().all(Option::is_none))
}
