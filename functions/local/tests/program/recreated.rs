//! A topic is recreated after retention dropped all its rows. The broker tells no topic ids.

use anyhow::Result;
use weir_kafka::{EmbeddedBroker, OutgoingRecord};
use weir_testkit::Database;

use crate::common::{Folder, Running, data, running::until_count, weir};

const TOPICS: [&str; 2] = ["--topics", "readings=readings"];

fn broker() -> Result<EmbeddedBroker> {
    Ok(EmbeddedBroker::start(0, &["readings".to_owned()], 1)?)
}

fn reading(number: usize) -> OutgoingRecord {
    OutgoingRecord { partition: Some(0), ..data::reading(number) }
}

#[tokio::test]
async fn reconcile_compares_the_broker_with_dropped_records() -> Result<()> {
    let (database, folder) = (Database::empty().await?, Folder::new()?);
    let url = database.url();
    let old = broker()?;
    let args = [&TOPICS[..], &["--database-url", &url, "--kafka", old.bootstrap()]].concat();
    let running = Running::start(&folder, &args).await?;
    running.produce((0..3).map(reading)).await?;
    let sql = database.client().await?;
    until_count(&sql, "SELECT count(*) FROM events", 3).await?;
    running.interrupt().await?;
    sql.batch_execute(
        "SELECT make_event_month('2024-05-04T00:00:00Z'); UPDATE events SET arrived_at = '2024-05-04T00:00:00Z'",
    )
    .await?;
    let month = ["retention", "--keep", "30d", "--force", "events_2024_05", "--yes"];
    let retention = weir(&[&month[..], &["--database-url", &url]].concat()).await?;
    assert_eq!(retention.code, Some(0), "{retention:?}");

    let reconcile = async |broker: &EmbeddedBroker| {
        let place = ["reconcile", "--database-url", &url, "--kafka", broker.bootstrap()];
        weir(&[&place[..], &TOPICS].concat()).await
    };
    let same = reconcile(&old).await?;
    assert_eq!(same.code, Some(0), "{same:?}");
    drop(old);
    let new = broker()?;
    let producer = weir_kafka::Producer::new(new.bootstrap(), &std::collections::BTreeMap::new())?;
    producer.publish_all((0..3).map(reading)).await?;
    let other = reconcile(&new).await?;
    assert_eq!(other.code, Some(1), "{other:?}");
    let line = "other    readings-0 offsets 2 to 2: recreated or truncated";
    assert!(other.stdout.contains(line), "{other:?}");
    assert!(other.stdout.contains("`weir topic reset readings`"), "{other:?}");
    Ok(())
}
