//! A batch becomes rows, once.

use weir_testkit::{KafkaEvent, Record};
use weir_tests::{World, reading};

fn batch(n: i64) -> KafkaEvent {
    let records = (0..n).map(|offset| Record {
        topic: "readings".into(),
        partition: 0,
        offset,
        value: reading(
            "speed",
            1.5,
            &format!("2026-01-01T00:00:{:02}.{:03}Z", offset / 1000, offset % 1000),
        )
        .into(),
        ..Record::default()
    });
    KafkaEvent::new(records.collect::<Vec<_>>())
}

#[tokio::test]
async fn a_batch_becomes_rows_once() -> anyhow::Result<()> {
    let world = World::new().await?;
    let report = world.deliver(batch(500)).await?;
    assert_eq!((report.event_acknowledged, report.event_already_consumed), (500, 0));
    let again = world.deliver(batch(500)).await?;
    assert_eq!((again.event_acknowledged, again.event_already_consumed), (0, 500));
    assert_eq!(world.count("SELECT count(*) FROM events").await?, 500);
    assert_eq!(world.count("SELECT count(*) FROM readings").await?, 500);
    assert_eq!(world.count("SELECT next_offset FROM stream_partitions").await?, 500);
    assert_eq!(world.count("SELECT count(*) FROM day_changes WHERE model <> 'events'").await?, 1);
    Ok(())
}
