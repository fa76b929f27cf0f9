//! `weir reconcile` with a broker that does not answer for each partition.

use std::collections::BTreeMap;

use anyhow::Result;
use rdkafka::mocking::MockCluster;
use weir_kafka::{OutgoingRecord, Producer};
use weir_testkit::Database;

use crate::common::{data, weir};

#[tokio::test]
async fn a_partition_without_a_leader_is_named_and_the_others_are_compared() -> Result<()> {
    let brokers = MockCluster::new(1)?;
    brokers.create_topic("readings", 3, 1)?;
    let kafka = brokers.bootstrap_servers();
    let producer = Producer::new(&kafka, &BTreeMap::new())?;
    producer.send_one(&OutgoingRecord { partition: Some(2), ..data::reading(0) }).await?;
    brokers.partition_leader("readings", 1, None)?;

    let database = Database::empty().await?;
    let url = database.url();
    let migrated = weir(&["migrate", "--database-url", &url]).await?;
    assert_eq!(migrated.code, Some(0), "{migrated:?}");
    let said = weir(&["reconcile", "--kafka", &kafka, "--database-url", &url]).await?;
    assert_eq!(said.code, Some(1), "{said:?}");
    for line in [
        "unread   readings-1: the partition has no leader\n",
        "behind   readings-2: 1 records are not read yet\n",
        "2 partitions compared: 0 missing, 0 lost, 1 not yet read\n",
    ] {
        assert!(said.stdout.contains(line), "{line}: {said:?}");
    }
    assert_eq!(
        said.stderr,
        "weir: some topics or partitions cannot be read: see the lines that begin with unread\n"
    );
    Ok(())
}
