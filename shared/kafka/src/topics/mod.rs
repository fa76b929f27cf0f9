//! Creates missing topics: an event source mapping on a missing topic fails, and does not recover.

mod identity;
#[cfg(test)]
mod tests;
mod wire;

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, bail};
use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    types::RDKafkaErrorCode,
};

pub use self::identity::{
    EpochEnd, Leader, TopicIdentity, TopicLookup, TopicState, epoch_ends, identify,
    without_own_requests,
};
use self::wire::Security;
use crate::{BrokerError, QuietContext, client::blocking, client_config};

/// The timeout of one request to the broker.
const ASK_LIMIT: Duration = Duration::from_secs(30);

/// Replaces librdkafka's error about a connection by the reason, such as a refused login. Blocks.
///
/// librdkafka has the reason in its log lines only.
pub(crate) fn with_reason(
    error: BrokerError,
    bootstrap: &str,
    properties: &BTreeMap<String, String>,
) -> BrokerError {
    use RDKafkaErrorCode as Code;
    let BrokerError::Ask { source, .. } = &error else { return error };
    let code = source.rdkafka_error_code();
    if !matches!(
        code,
        Some(Code::AllBrokersDown | Code::BrokerTransportFailure | Code::OperationTimedOut)
    ) {
        return error;
    }
    match Security::of(properties) {
        Ok(Some(security)) => match wire::reach(bootstrap, &security) {
            Ok(()) => error,
            Err(reason) => BrokerError::Unreachable(format!("{reason:#}")),
        },
        Err(reason @ BrokerError::Token(_)) => reason,
        _ => error,
    }
}

/// Creates the missing topics with `partitions` partitions and the broker's default replication;
/// returns their names. Existing topics are not changed.
pub async fn create_missing(
    bootstrap: &str,
    properties: &BTreeMap<String, String>,
    topics: &[String],
    partitions: i32,
) -> anyhow::Result<Vec<String>> {
    let given = properties.clone();
    let security = blocking(move || Security::of(&given)).await?;
    match security {
        Some(security) => {
            let (bootstrap, topics) = (bootstrap.to_owned(), topics.to_vec());
            let create = move || wire::create_missing(&bootstrap, &security, &topics, partitions);
            tokio::task::spawn_blocking(create).await?
        }
        None => create_by_librdkafka(bootstrap, properties, topics, partitions).await,
    }
}

/// Creates topics on brokers whose security only librdkafka supports, such as GSSAPI.
async fn create_by_librdkafka(
    bootstrap: &str,
    properties: &BTreeMap<String, String>,
    topics: &[String],
    partitions: i32,
) -> anyhow::Result<Vec<String>> {
    let config = client_config(bootstrap, properties, &[("client.id", "weir-migrate")]);
    let admin: AdminClient<QuietContext> =
        config.create_with_context(QuietContext::of(properties)?)?;
    // The lookup blocks.
    let (admin, there) = tokio::task::spawn_blocking(move || {
        let metadata = admin.inner().fetch_metadata(None, ASK_LIMIT);
        metadata
            .map(|m| m.topics().iter().map(|t| t.name().to_owned()).collect::<Vec<_>>())
            .map(|there| (admin, there))
    })
    .await?
    .with_context(|| format!("cannot list the topics of Kafka at {bootstrap}"))?;
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
            // Another client has created the topic in the meantime.
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => bail!("cannot create topic {topic}: {code}"),
        }
    }
    Ok(made)
}
