//! A discarded failure is never stored again.

use weir_store::{
    StoreError,
    retry::{self, RecordCoordinates, Retried},
};
use weir_tests::{
    World,
    batches::{event, orders},
    tables,
};

use super::{failure, place};

/// Delivers orders 0 to 2. The second one is not JSON.
async fn one_failed(world: &World) -> anyhow::Result<()> {
    let mut all = orders(0..3);
    all[1].value = "no JSON".into();
    all[1].key = b"k\xff".into();
    all[1].headers = Some(vec![("trace".into(), Some(b"7".to_vec()))]);
    world.deliver(event(all)).await?;
    Ok(())
}

#[tokio::test]
async fn its_bytes_go_and_its_coordinates_stay() -> anyhow::Result<()> {
    let world = World::new().await?;
    one_failed(&world).await?;
    let rest = "SELECT concat_ws(' ', stream, partition, \"offset\", timestamp_ms, checksum, error_class, error_message, attempts, created_at) FROM failures";
    let before = tables::column(&world.sql, rest).await?;
    let failed = place(&world, "orders-0-1").await?;
    assert!(retry::discard(world.writer.store(), failed).await?);
    assert_eq!(tables::column(&world.sql, rest).await?, before);
    let gone = "SELECT count(*) FROM failures WHERE discarded_at IS NOT NULL AND num_nonnulls(key, headers, value) = 0";
    assert_eq!(world.count(gone).await?, 1);
    let after = tables::everything(&world.sql).await?;
    for none in [
        failed,
        RecordCoordinates { offset: 0, ..failed },
        RecordCoordinates { offset: 7, ..failed },
        RecordCoordinates { stream: 99, ..failed },
    ] {
        assert!(!retry::discard(world.writer.store(), none).await?, "{none:?}");
    }
    assert_eq!(tables::everything(&world.sql).await?, after);
    Ok(())
}

#[tokio::test]
async fn neither_a_redelivery_nor_a_retry_brings_it_back() -> anyhow::Result<()> {
    let world = World::new().await?;
    one_failed(&world).await?;
    assert!(retry::discard(world.writer.store(), place(&world, "orders-0-1").await?).await?);
    let before = tables::everything(&world.sql).await?;
    one_failed(&world).await?;
    assert_eq!(tables::everything(&world.sql).await?, before);
    assert_eq!(failure(&world, &world.writer, "orders-0-1").await?, Retried::NotFound);
    assert_eq!(
        retry::event(&world.writer, place(&world, "orders-0-1").await?).await?,
        Retried::NotFound
    );
    // Its checksum is stored: a different record at this offset is a contradiction.
    assert!(matches!(
        world.deliver(event(orders(0..3))).await,
        Err(StoreError::Contradiction { offset: 1, .. })
    ));
    assert_eq!(tables::everything(&world.sql).await?, before);
    Ok(())
}
