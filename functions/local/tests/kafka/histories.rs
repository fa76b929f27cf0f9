//! Histories of a topic. Each record is stored or reported as lost, and no false loss is reported.

use std::time::Duration;

use anyhow::{Context, Result};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    producer::{FutureProducer, FutureRecord, Producer},
};
use weir_testkit::eventually;

use crate::{
    common::{
        Ended, Running,
        running::{PATIENCE, ask_blocking, count, until_count},
    },
    stories::KafkaAndDatabase,
};

const TOPICS: [&str; 2] = ["--topics", "orders=events"];
const LIMIT: Duration = Duration::from_secs(20);

struct History {
    world: KafkaAndDatabase,
}

impl History {
    async fn new(properties: &[(&str, &str)]) -> Result<Self> {
        let world = KafkaAndDatabase::new().await?;
        world.kafka.create_topic("orders", 1, properties).await?;
        Ok(Self { world })
    }

    async fn start(&self) -> Result<Running> {
        self.world.start(&TOPICS).await
    }

    async fn reconcile(&self, args: &[&str]) -> Result<Ended> {
        self.world.reconcile(&[&TOPICS, args].concat()).await
    }

    /// Creates a producer. With a name it is transactional.
    async fn producer(&self, transactions: Option<&str>) -> Result<FutureProducer> {
        let mut client = self.world.kafka.client();
        let Some(name) = transactions else { return Ok(client.create()?) };
        let producer: FutureProducer = client.set("transactional.id", name).create()?;
        let same = producer.clone();
        ask_blocking(move || Ok(same.init_transactions(LIMIT))).await??;
        Ok(producer)
    }

    async fn until_stored(&self, running: &Running, records: i64) -> Result<()> {
        let sql = self.world.database.client().await?;
        until_count(&sql, "SELECT count(*) FROM events", records)
            .await
            .with_context(|| running.stderr())
    }

    /// Returns the group's committed offset, and the end offset.
    async fn committed_and_end(&self) -> Result<(i64, i64)> {
        let consumer: BaseConsumer = self.world.kafka.client().set("group.id", "weir").create()?;
        ask_blocking(move || {
            let mut list = TopicPartitionList::new();
            list.add_partition("orders", 0);
            let committed = consumer.committed_offsets(list, LIMIT).ok();
            let committed = committed.and_then(|list| {
                list.elements()
                    .first()
                    .map(rdkafka::topic_partition_list::TopicPartitionListElem::offset)
            });
            let end = consumer.fetch_watermarks("orders", 0, LIMIT).map_or(-1, |(_, end)| end);
            Ok((if let Some(Offset::Offset(next)) = committed { next } else { -1 }, end))
        })
        .await
    }

    async fn gaps(&self) -> Result<i64> {
        count(&self.world.database.client().await?, "SELECT count(*) FROM stream_gaps").await
    }
}

async fn send(producer: &FutureProducer, numbers: std::ops::Range<i64>) -> Result<()> {
    for n in numbers {
        let (key, value) = (format!("k{}", n % 3), format!(r#"{{"n":{n}}}"#));
        producer
            .send(FutureRecord::to("orders").key(&key).payload(&value), LIMIT)
            .await
            .map_err(|(error, _)| error)?;
    }
    Ok(())
}

/// Sends records in a transaction, and commits or aborts it.
async fn transaction(
    producer: &FutureProducer,
    numbers: std::ops::Range<i64>,
    is_committed: bool,
) -> Result<()> {
    producer.begin_transaction()?;
    send(producer, numbers).await?;
    let same = producer.clone();
    Ok(ask_blocking(move || {
        Ok(if is_committed {
            same.commit_transaction(LIMIT)
        } else {
            same.abort_transaction(LIMIT)
        })
    })
    .await??)
}

fn assert_clean(said: &Ended) {
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.contains("0 missing, 0 lost, 0 not yet read"), "{said:?}");
    assert!(!said.stdout.contains("missing  ") && !said.stdout.contains("lost     "), "{said:?}");
}

#[tokio::test]
#[ignore = "needs Apache Kafka: bash tests/external/kafka/run"]
async fn transactions_leave_no_gap_and_no_lag_and_their_markers_are_no_loss() -> Result<()> {
    let history = History::new(&[]).await?;
    let running = history.start().await?;
    let producer = history.producer(Some("orders")).await?;
    for n in 0..30 {
        transaction(&producer, n..n + 1, true).await?;
    }
    transaction(&producer, 30..40, false).await?;
    history.until_stored(&running, 30).await?;
    let no_lag = async || {
        let (committed, end) = history.committed_and_end().await.ok()?;
        (committed == end && end == 71).then_some(())
    };
    eventually(PATIENCE, no_lag).await.with_context(|| running.stderr())?;
    assert_eq!(history.gaps().await?, 0);
    let sql = history.world.database.client().await?;
    assert_eq!(count(&sql, "SELECT next_offset FROM stream_partitions").await?, 71);
    assert_clean(&history.reconcile(&[]).await?);
    // Retention deletes everything, including markers and aborted records.
    running.interrupt().await?;
    history.world.kafka.drop_below("orders", 71).await?;
    let running = history.start().await?;
    transaction(&producer, 40..41, true).await?;
    history.until_stored(&running, 31).await?;
    assert!(!running.stderr().contains("lost"), "{}", running.stderr());
    assert_clean(&history.reconcile(&[]).await?);
    Ok(())
}

#[tokio::test]
#[ignore = "needs Apache Kafka: bash tests/external/kafka/run"]
async fn what_an_open_transaction_hides_is_told() -> Result<()> {
    let history = History::new(&[]).await?;
    let running = history.start().await?;
    let plain = history.producer(None).await?;
    send(&plain, 0..10).await?;
    history.until_stored(&running, 10).await?;
    let open = history.producer(Some("hanging")).await?;
    open.begin_transaction()?;
    send(&open, 10..11).await?;
    send(&plain, 11..61).await?;
    let said = history.reconcile(&[]).await?;
    assert_clean(&said);
    assert!(
        said.stdout.contains(
            "hidden   orders-0: 51 offsets behind an open transaction, from offset 10 on"
        ),
        "{said:?}"
    );
    let told = async || {
        running
            .get("/metrics")
            .await
            .ok()
            .filter(|answer| answer.body.contains("weir_hidden_offsets 51"))
    };
    eventually(PATIENCE, told).await.with_context(|| running.stderr())?;
    let uncommitted =
        history.reconcile(&["--kafka-property", "isolation.level=read_uncommitted"]).await?;
    assert!(
        uncommitted.stdout.contains("behind   orders-0: 51 records are not read yet")
            && !uncommitted.stdout.contains("hidden"),
        "{uncommitted:?}"
    );
    let same = open.clone();
    ask_blocking(move || Ok(same.abort_transaction(LIMIT))).await??;
    history.until_stored(&running, 60).await?;
    assert_clean(&history.reconcile(&[]).await?);
    Ok(())
}

#[tokio::test]
#[ignore = "needs Apache Kafka: bash tests/external/kafka/run"]
async fn retention_is_a_loss_only_after_the_first_start() -> Result<()> {
    let history = History::new(&[]).await?;
    let plain = history.producer(None).await?;
    send(&plain, 0..100).await?;
    history.world.kafka.drop_below("orders", 40).await?;
    let running = history.start().await?;
    history.until_stored(&running, 60).await?;
    running.interrupt().await?;
    assert_clean(&history.reconcile(&[]).await?);

    send(&plain, 100..130).await?;
    history.world.kafka.drop_below("orders", 120).await?;
    let lost = history.reconcile(&[]).await?;
    assert_eq!(lost.code, Some(1), "{lost:?}");
    assert!(lost.stdout.contains("lost     orders-0 offsets 100 to 119"), "{lost:?}");
    assert!(lost.stdout.ends_with("0 missing, 20 lost, 10 not yet read\n"), "{lost:?}");
    let running = history.start().await?;
    history.until_stored(&running, 70).await?;
    assert!(
        running.stderr().contains("lost: Kafka deleted orders-0 offsets 100..120"),
        "{}",
        running.stderr()
    );
    let lost = history.reconcile(&[]).await?;
    assert!(lost.stdout.ends_with("0 missing, 20 lost, 0 not yet read\n"), "{lost:?}");
    Ok(())
}

#[tokio::test]
#[ignore = "needs Apache Kafka: bash tests/external/kafka/run"]
async fn compaction_leaves_no_gap() -> Result<()> {
    let compact = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "100"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("max.compaction.lag.ms", "100"),
    ];
    let history = History::new(&compact).await?;
    let plain = history.producer(None).await?;
    // There are three keys, so compaction removes all but three of the records below the last
    // segment, within half a minute.
    for n in 0..6 {
        send(&plain, 20 * n..20 * (n + 1)).await?;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    tokio::time::sleep(Duration::from_secs(25)).await;
    send(&plain, 120..121).await?;
    let running = history.start().await?;
    let sql = history.world.database.client().await?;
    let last = r#"SELECT count(*) FROM events WHERE "offset" = 120"#;
    until_count(&sql, last, 1).await.with_context(|| running.stderr())?;
    assert!(count(&sql, "SELECT count(*) FROM events").await? < 121, "nothing was compacted");
    assert_eq!(history.gaps().await?, 0);
    assert!(!running.stderr().contains("lost"), "{}", running.stderr());
    assert_clean(&history.reconcile(&[]).await?);
    Ok(())
}

/// A gap can have any cause. The poller fetches its records at the next start, and
/// `reconcile --repair` fetches them immediately.
#[tokio::test]
#[ignore = "needs Apache Kafka: bash tests/external/kafka/run"]
async fn what_is_missing_is_fetched() -> Result<()> {
    let history = History::new(&[]).await?;
    let running = history.start().await?;
    let producer = history.producer(Some("orders")).await?;
    transaction(&producer, 0..10, true).await?;
    transaction(&producer, 10..20, false).await?;
    transaction(&producer, 20..30, true).await?;
    history.until_stored(&running, 20).await?;
    running.interrupt().await?;
    let sql = history.world.database.client().await?;
    // The gap 5..25 has eight records: 5 to 9 and 22 to 24. Between them are the aborted records
    // (11 to 20) and the markers of the first two transactions (10 and 21).
    let lose = r#"WITH gone AS (DELETE FROM event_records WHERE "offset" BETWEEN 5 AND 24)
        INSERT INTO stream_gaps (stream, partition, first_offset, end_offset) SELECT stream, 0, 5, 25 FROM stream_partitions"#;
    for is_repair in [true, false] {
        sql.execute(lose, &[]).await?;
        assert_eq!(count(&sql, "SELECT count(*) FROM events").await?, 12);
        let said = history.reconcile(&[]).await?;
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.stdout.contains("missing  orders-0 offsets 5 to 24"), "{said:?}");
        if is_repair {
            let repaired = history.reconcile(&["--repair"]).await?;
            assert_clean(&repaired);
            assert!(repaired.stdout.starts_with("repaired: fetched 8 records\n"), "{repaired:?}");
            assert_eq!(count(&sql, "SELECT count(*) FROM events").await?, 20);
        } else {
            let running = history.start().await?;
            history.until_stored(&running, 20).await?;
            running.interrupt().await?;
        }
        assert_eq!(history.gaps().await?, 0);
        assert_clean(&history.reconcile(&[]).await?);
    }
    Ok(())
}
