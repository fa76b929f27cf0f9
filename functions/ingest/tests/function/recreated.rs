//! A topic is recreated, and its new records come at offsets that are settled. The function fails
//! loudly. It never answers success for a record that is not stored.

use anyhow::Context;
use weir_model::{Micros, models};
use weir_store::{
    DatabaseConfig, Store, Writer, identity,
    reset::begin_epoch,
    retention::{Guard, drop_months},
};
use weir_testkit::{FunctionError, KafkaEvent, Record};

use crate::child::{IngestHarness, batch};

/// The default timestamp of the testkit's records plus two minutes.
const LATER: i64 = 1_767_323_045_678 + 120_000;

impl IngestHarness {
    fn store(&self) -> anyhow::Result<Store> {
        Ok(Store::new(&DatabaseConfig::from_url(self.database.url()))?)
    }

    /// Moves all records to May 2024, and lets retention drop this month.
    async fn drop_all(&self) -> anyhow::Result<()> {
        self.database
            .client()
            .await?
            .batch_execute(
                "SELECT make_event_month('2024-05-04T00:00:00Z'); UPDATE event_records SET arrived_at = '2024-05-04T00:00:00Z'",
            )
            .await?;
        let before = Micros::from_rfc3339("2024-06-01T00:00:00Z").context("an instant")?;
        let done = drop_months(&self.store()?, before, &Guard::Nothing, &|_| {}).await?;
        anyhow::ensure!(done.dropped.len() == 1, "{done:?}");
        Ok(())
    }

    /// Delivers an event and returns the error message.
    async fn fails(&self, event: Vec<u8>) -> anyhow::Result<String> {
        match self.invoke(event).await {
            Err(FunctionError::Failed { message, .. }) => Ok(message),
            other => anyhow::bail!("{other:?}"),
        }
    }
}

/// Returns records with other content at the offsets of the first readings.
fn recreated() -> Vec<u8> {
    let record = |offset| Record {
        topic: "readings".into(),
        offset,
        timestamp: LATER + offset,
        value: r#"{"sensor":"new","value":1,"timestamp":"2026-01-01T00:00:00Z"}"#.into(),
        ..Record::default()
    };
    KafkaEvent::new((0..3).map(record).collect::<Vec<_>>()).to_bytes()
}

#[tokio::test]
async fn after_retention_a_redelivery_is_a_duplicate_and_a_new_record_is_not() -> anyhow::Result<()>
{
    let harness = IngestHarness::new().await?;
    let _child = harness.start()?;
    harness.deliver(batch(0, 3)).await?;
    harness.drop_all().await?;
    harness.deliver(batch(0, 3)).await?;
    assert_eq!(harness.count("SELECT count(*) FROM events").await?, 0, "dropped for good");

    let message = harness.fails(recreated()).await?;
    assert!(message.contains("readings-0 offset 0"), "{message}");
    assert!(message.contains("weir topic reset readings"), "{message}");
    assert_eq!(harness.count("SELECT count(*) FROM stream_contradictions").await?, 1);

    begin_epoch(&harness.store()?, "weir", "readings").await?.context("a stream")?;
    harness.deliver(recreated()).await?;
    assert_eq!(harness.count("SELECT count(*) FROM events").await?, 3);
    Ok(())
}

#[tokio::test]
async fn a_contradiction_that_reconcile_found_fails_every_batch_until_the_reset()
-> anyhow::Result<()> {
    let harness = IngestHarness::new().await?;
    let _child = harness.start()?;
    harness.deliver(batch(0, 3)).await?;
    let topics = weir_model::Topics::new(&weir_model::TopicsConfig::default(), &models::builtin())?;
    let writer = Writer::new(harness.store()?, models::builtin(), topics, "weir");
    let found = identity::Contradiction {
        topic: "readings".into(),
        partition: 0,
        first: 0,
        end: 3,
        what: "recreated: another topic id".into(),
    };
    identity::note(&writer, &[found]).await?;

    // Neither a duplicate nor a new record goes through.
    for event in [batch(0, 3), batch(3, 2)] {
        let message = harness.fails(event).await?;
        assert!(message.contains("readings-0 offsets 0 to 2: recreated"), "{message}");
        assert!(message.contains("weir topic reset readings"), "{message}");
    }
    assert_eq!(harness.count("SELECT count(*) FROM events").await?, 3);

    begin_epoch(&harness.store()?, "weir", "readings").await?.context("a stream")?;
    harness.deliver(batch(0, 5)).await?;
    assert_eq!(harness.count("SELECT count(*) FROM events").await?, 8);
    Ok(())
}
