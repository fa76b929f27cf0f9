//! Sends sample events for a new data folder. They pass through Kafka like all other events.

use weir_kafka::{OutgoingRecord, Producer};
use weir_model::Micros;
use weir_store::Writer;

use crate::Exit;

/// Publishes the samples of every bound model. Returns their number and the topics.
#[expect(clippy::disallowed_methods, reason = "this code reads the system clock")]
pub(super) async fn publish(producer: &Producer, writer: &Writer) -> Result<(u64, String), Exit> {
    let now = Micros(jiff::Timestamp::now().as_microsecond());
    let mut topics = Vec::new();
    let mut records = Vec::new();
    for (topic, model) in writer.topics().iter() {
        let Some(model) = writer.models().get(model) else { continue };
        topics.push(topic.to_owned());
        records.extend(model.samples(now).into_iter().map(|sample| OutgoingRecord {
            topic: topic.to_owned(),
            partition: None,
            key: sample.key.map(String::into_bytes),
            value: Some(sample.value.into_bytes()),
            headers: Vec::new(),
            timestamp_ms: Some(sample.timestamp_ms),
        }));
    }
    let published = producer.publish_all(records).await?;
    Ok((published, topics.join(", ")))
}
