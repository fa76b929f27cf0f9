//! CDEvents in the database: identity, order, the schema `api`, its reader, and the example
//! queries.

mod examples;
mod identity;
mod queries;
mod reader;
mod views;

use serde_json::{Value, json};
use weir_testkit::Record;
use weir_tests::{World, batches::event};

/// The 45 examples of the specification.
const EXAMPLES: &str = include_str!("../../../shared/model/tests/data/cdevents-0.5.1.ndjson");
const TOPIC: &str = "cdevents";

fn record(partition: i32, offset: i64, timestamp: i64, value: &str) -> Record {
    Record {
        topic: TOPIC.into(),
        partition,
        offset,
        timestamp,
        value: value.into(),
        ..Record::default()
    }
}

/// Returns an event of version 0.5.1.
fn cdevent(id: &str, what: &str, subject: &str, at: &str, content: &Value) -> String {
    json!({"context": {"specversion": "0.5.1", "id": id, "source": "/tests", "type": format!("dev.cdevents.{what}.0.3.0"), "timestamp": at},
        "subject": {"id": subject, "content": content}})
    .to_string()
}

/// Creates a database in which these events arrived one after another.
async fn told(values: &[String]) -> anyhow::Result<World> {
    let world = World::new().await?;
    let records = (0..).zip(values).map(|(offset, value)| record(0, offset, offset, value));
    let report = world.deliver(event(records)).await?;
    anyhow::ensure!(report.event_acknowledged == values.len(), "{report:?}");
    Ok(world)
}
