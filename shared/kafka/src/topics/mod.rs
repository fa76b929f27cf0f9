//! Topics that are not there yet: a mapping on a topic that is missing fails, and stays failed.

mod identity;
mod wire;

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use anyhow::{Context, bail};
use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    types::RDKafkaErrorCode,
};
use weir_aws::{credentials, kafka_token};

pub use self::identity::{EpochEnds, Leader, TopicIdentity, TopicState, epoch_ends, identify};
use self::wire::Security;
use crate::{QuietContext, client_config};

/// How long the broker may take to answer one question.
const ASK_LIMIT: Duration = Duration::from_secs(30);

/// The same for a cluster of MSK that asks IAM, of this region.
#[expect(clippy::disallowed_methods, reason = "a signature has its time")]
pub async fn create_missing_with_iam(
    bootstrap: &str,
    region: &str,
    topics: &[String],
    partitions: i32,
) -> anyhow::Result<Vec<String>> {
    let token = kafka_token(region, &credentials().await?, SystemTime::now())?;
    let (bootstrap, topics) = (bootstrap.to_owned(), topics.to_vec());
    tokio::task::spawn_blocking(move || {
        wire::create_missing(&bootstrap, &Security::Token(&token), &topics, partitions)
    })
    .await?
}

/// Makes the topics that are missing, with `partitions` partitions and the broker's own
/// replication; returns their names. Existing topics stay as they are.
pub async fn create_missing(
    bootstrap: &str,
    properties: &BTreeMap<String, String>,
    topics: &[String],
    partitions: i32,
) -> anyhow::Result<Vec<String>> {
    if properties.is_empty() {
        // The way of IAM but for its token, so that what a real Kafka is asked in tests is what MSK
        // is asked.
        let (bootstrap, topics) = (bootstrap.to_owned(), topics.to_vec());
        return tokio::task::spawn_blocking(move || {
            wire::create_missing(&bootstrap, &Security::Plain, &topics, partitions)
        })
        .await?;
    }
    let config = client_config(bootstrap, properties, &[("client.id", "weir-migrate")]);
    let admin: AdminClient<QuietContext> = config.create_with_context(QuietContext)?;
    // Blocks until it is answered.
    let (admin, there) = tokio::task::spawn_blocking(move || {
        let metadata = admin.inner().fetch_metadata(None, ASK_LIMIT);
        metadata
            .map(|m| m.topics().iter().map(|t| t.name().to_owned()).collect::<Vec<_>>())
            .map(|there| (admin, there))
    })
    .await?
    .with_context(|| format!("Kafka at {bootstrap} does not say which topics there are"))?;
    let missing: Vec<&String> = topics.iter().filter(|topic| !there.contains(topic)).collect();
    let new: Vec<NewTopic<'_>> = missing
        .iter()
        .map(|topic| NewTopic::new(topic, partitions, TopicReplication::Fixed(-1)))
        .collect();
    let options =
        AdminOptions::new().request_timeout(Some(ASK_LIMIT)).operation_timeout(Some(ASK_LIMIT));
    let mut made = Vec::new();
    if new.is_empty() {
        return Ok(made);
    }
    for result in admin.create_topics(&new, &options).await? {
        match result {
            Ok(topic) => made.push(topic),
            // Another client was faster.
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => bail!("topic {topic} cannot be made: {code}"),
        }
    }
    Ok(made)
}
