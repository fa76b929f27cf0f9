//! A function with one mapping and one consumer group per topic.

use anyhow::Result;
use weir_store::{StoreError, Writer};
use weir_tests::{
    World,
    batches::{event, orders, readings},
    deliver, models_and_topics, tables,
};

#[tokio::test]
async fn each_topic_has_its_group() -> Result<()> {
    let world = World::new().await?;
    let (models, topics) = models_and_topics()?;
    let writer = Writer::new(world.store()?, models, topics, "weir-prod-{topic}");
    for _ in 0..2 {
        assert_eq!(deliver(&writer, event(orders(0..3))).await?.group_id, "weir-prod-orders");
        assert_eq!(deliver(&writer, event(readings(0..3))).await?.group_id, "weir-prod-readings");
    }
    let groups =
        tables::column(&world.sql, "SELECT group_id || ' ' || topic FROM streams ORDER BY 1")
            .await?;
    assert_eq!(groups, ["weir-prod-orders orders", "weir-prod-readings readings"]);
    assert_eq!(world.count("SELECT count(*) FROM events").await?, 6);
    // No mapping delivers both topics in one event.
    let both = deliver(&writer, event(orders(3..5).into_iter().chain(readings(3..5)))).await;
    assert!(matches!(both, Err(StoreError::Setting(_))), "{both:?}");
    assert_eq!(world.count("SELECT count(*) FROM events").await?, 6);
    Ok(())
}
