//! The stories of the embedded broker on a real Kafka, and stories that only a real Kafka allows.

use std::time::Duration;

use anyhow::{Context, Result};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use serde_json::json;
use weir_testkit::{Database, eventually};

use crate::{
    apache::ApacheKafka,
    common::{
        Ended, Folder, Running, command, data,
        running::{PATIENCE, count, until_count},
        weir,
    },
};

const QUESTION_LIMIT: Duration = Duration::from_secs(20);

pub(crate) struct KafkaAndDatabase {
    pub(crate) kafka: ApacheKafka,
    pub(crate) database: Database,
    folder: Folder,
}

impl KafkaAndDatabase {
    pub(crate) async fn new() -> Result<Self> {
        let (kafka, database) = tokio::try_join!(ApacheKafka::start(), Database::empty())?;
        kafka.create_topic("build_events", 4, &[]).await?;
        kafka.create_topic("readings", 4, &[]).await?;
        Ok(Self { kafka, database, folder: Folder::new()? })
    }

    pub(crate) async fn start(&self, args: &[&str]) -> Result<Running> {
        let (kafka, url, data) = (self.kafka.address(), self.database.url(), self.folder.arg());
        let own = ["--kafka", &kafka, "--database-url", &url, "--data-dir", &data, "--port", "0"];
        Running::of(command(env!("CARGO_BIN_EXE_weir"), &[&own, args].concat())).await
    }

    pub(crate) async fn reconcile(&self, args: &[&str]) -> Result<Ended> {
        let own =
            ["reconcile", "--kafka", &self.kafka.address(), "--database-url", &self.database.url()];
        weir(&[&own, args].concat()).await
    }
}

/// The output of `reconcile` without findings. This Kafka has no topic for the CDEvents.
const CLEAN: &str = "absent   cdevents: the topic does not exist on the broker and cannot be compared\n8 partitions compared: 0 missing, 0 lost, 0 not yet read\n";

#[tokio::test]
#[ignore = "needs Apache Kafka: bash tests/external/kafka/run"]
async fn the_same_as_on_the_embedded_broker() -> Result<()> {
    let world = KafkaAndDatabase::new().await?;
    let running = world.start(&[]).await?;
    let sql = world.database.client().await?;
    let all = || (1..=4).map(data::build).chain((0..5_844).map(data::reading));
    running.produce(all()).await?;
    until_count(&sql, "SELECT count(*) FROM events", 5_848)
        .await
        .with_context(|| running.stderr())?;
    assert_eq!(running.json("/build").await?, json!([4, 3, 2, 1].map(data::build_id)));
    assert_eq!(count(&sql, "SELECT count(*) FROM readings").await?, 5_844);
    let first = data::projections(&sql).await?;
    running.produce(all()).await?;
    until_count(&sql, "SELECT count(*) FROM events", 2 * 5_848).await?;
    assert_eq!(data::projections(&sql).await?, first);
    assert_eq!(running.interrupt().await?.code, Some(0));

    // A real broker keeps its records: no new epoch begins, and no handled record is read again.
    let running = world.start(&[]).await?;
    running.produce((5..=8).map(data::build)).await?;
    until_count(&sql, "SELECT count(*) FROM builds", 8).await?;
    assert_eq!(count(&sql, "SELECT count(*) FROM events").await?, 2 * 5_848 + 4);
    assert_eq!(count(&sql, "SELECT max(epoch)::bigint FROM streams").await?, 0);
    let clean = world.reconcile(&[]).await?;
    assert_eq!((clean.code, clean.stdout.as_str()), (Some(0), CLEAN), "{clean:?}");

    recreate_topic(&world, &running).await?;
    let clean = world.reconcile(&[]).await?;
    assert_eq!((clean.code, clean.stdout.as_str()), (Some(0), CLEAN), "{clean:?}");
    Ok(())
}

/// Recreates a topic, so that the same offsets have other bytes. The batch fails with an error that
/// names the remedy, and succeeds after the remedy.
async fn recreate_topic(world: &KafkaAndDatabase, running: &Running) -> Result<()> {
    let sql = world.database.client().await?;
    let before = count(&sql, "SELECT count(*) FROM events").await?;
    world.kafka.delete_topic("readings").await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.kafka.create_topic("readings", 4, &[]).await?;
    running.produce((10_000..10_100).map(data::reading)).await?;
    let remedy = "`weir topic reset readings`";
    let told = eventually(PATIENCE, async || running.stderr().contains(remedy).then_some(()));
    told.await.with_context(|| running.stderr())?;
    assert_eq!(
        count(&sql, "SELECT count(*) FROM events").await?,
        before,
        "nothing of it is stored"
    );
    assert_eq!(count(&sql, "SELECT count(*) FROM failures").await?, 0);
    let reset =
        weir(&["topic", "reset", "readings", "--yes", "--database-url", &world.database.url()])
            .await?;
    assert_eq!(reset.code, Some(0), "{reset:?}");
    until_count(&sql, "SELECT count(*) FROM events", before + 100)
        .await
        .with_context(|| running.stderr())?;
    until_count(&sql, "SELECT count(*) FROM readings", 5_844 + 100).await
}

/// Markers and aborted records leave holes. The holes are not losses, and aborted records are not
/// stored.
#[tokio::test]
#[ignore = "needs Apache Kafka: bash tests/external/kafka/run"]
async fn transactions_leave_holes_and_no_loss() -> Result<()> {
    let world = KafkaAndDatabase::new().await?;
    world.kafka.create_topic("orders", 1, &[]).await?;
    let topics = ["--topics", "orders=events"];
    let running = world.start(&topics).await?;
    let producer: FutureProducer =
        world.kafka.client().set("transactional.id", "orders").create()?;
    let same = producer.clone();
    crate::common::running::ask_blocking(move || Ok(same.init_transactions(QUESTION_LIMIT)))
        .await??;
    let mut number = 0;
    for is_committed in [true, false, true, true, false, true] {
        producer.begin_transaction()?;
        for _ in 0..50 {
            let value = json!({"n": number, "ok": is_committed}).to_string();
            producer
                .send(FutureRecord::<(), _>::to("orders").payload(&value), QUESTION_LIMIT)
                .await
                .map_err(|(error, _)| error)?;
            number += 1;
        }
        let same = producer.clone();
        let end = move || {
            Ok(if is_committed {
                same.commit_transaction(QUESTION_LIMIT)
            } else {
                same.abort_transaction(QUESTION_LIMIT)
            })
        };
        crate::common::running::ask_blocking(end).await??;
    }
    let sql = world.database.client().await?;
    until_count(&sql, "SELECT count(*) FROM events", 200)
        .await
        .with_context(|| running.stderr())?;
    assert_eq!(
        count(&sql, "SELECT count(*) FROM events WHERE payload->>'ok' = 'true'").await?,
        200
    );
    assert!(!running.stderr().contains("lost"), "{}", running.stderr());
    assert_eq!(count(&sql, "SELECT count(*) FROM stream_gaps").await?, 0);
    let clean = world.reconcile(&topics).await?;
    assert_eq!(clean.code, Some(0), "{clean:?}");
    assert!(clean.stdout.contains("0 missing, 0 lost, 0 not yet read"), "{clean:?}");
    assert!(clean.stdout.contains("holes    orders-0: 106 offsets without a record"), "{clean:?}");
    Ok(())
}
