//! The topics that migrate creates on deploy, on a real broker.

use std::collections::BTreeMap;

use anyhow::Result;
use rdkafka::consumer::{BaseConsumer, Consumer};
use weir_kafka::create_missing;

use crate::{
    apache::ApacheKafka,
    common::running::{PATIENCE, ask_blocking},
};

async fn partitions(kafka: &ApacheKafka, topic: &'static str) -> Result<usize> {
    let consumer: BaseConsumer = kafka.client().create()?;
    let metadata =
        ask_blocking(move || Ok(consumer.fetch_metadata(Some(topic), PATIENCE))).await??;
    Ok(metadata.topics()[0].partitions().len())
}

#[tokio::test]
#[ignore = "needs Apache Kafka: bash tests/external/kafka/run"]
async fn missing_topics_are_made_once_and_others_stay_as_they_are() -> Result<()> {
    let kafka = ApacheKafka::start().await?;
    kafka.create_topic("readings", 2, &[]).await?;
    let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let none = BTreeMap::new();
    let bootstrap = format!("127.0.0.1:1,{}", kafka.address());
    let asked = names(&["readings", "build_events", "orders"]);
    let made = create_missing(&bootstrap, &none, &asked, 3).await?;
    assert_eq!(made, ["build_events", "orders"]);
    let made = create_missing(&bootstrap, &none, &asked, 7).await?;
    assert_eq!(made, Vec::<String>::new());
    assert!(create_missing(&bootstrap, &none, &names(&["no topic"]), 1).await.is_err());
    for (topic, count) in [("readings", 2), ("build_events", 3), ("orders", 3)] {
        assert_eq!(partitions(&kafka, topic).await?, count, "{topic}");
    }
    Ok(())
}
