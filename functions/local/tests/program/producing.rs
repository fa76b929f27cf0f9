//! Produced records are stored within seconds. No record is duplicated after it is sent again, or
//! after a restart.

use anyhow::Result;
use serde_json::json;

use crate::common::{
    Folder, Running, data,
    running::{count, until_count},
};

const READINGS: usize = 5_844;

#[tokio::test]
async fn builds_and_readings_are_stored_once() -> Result<()> {
    let folder = Folder::new()?;
    let weir = Running::start(&folder, &[]).await?;
    let all = || (1..=4).map(data::build).chain((0..READINGS).map(data::reading));
    weir.produce(all()).await?;
    weir.stored(&folder, 4 + 5_844).await?;
    let sql = folder.sql().await?;
    assert_eq!(weir.json("/build").await?, json!([4, 3, 2, 1].map(data::build_id)));
    assert_eq!(weir.json(&format!("/build/{}", data::build_id(2))).await?["prNumber"], "2");
    assert_eq!(count(&sql, "SELECT count(*) FROM readings").await?, 5_844);
    let first = data::projections(&sql).await?;

    weir.produce(all()).await?;
    weir.stored(&folder, 2 * (4 + 5_844)).await?;
    assert_eq!(
        data::projections(&sql).await?,
        first,
        "the same commands again changed a projection"
    );
    assert_eq!(weir.interrupt().await?.code, Some(0));

    // The embedded broker kept no records: the same offsets have other records.
    let weir = Running::start(&folder, &[]).await?;
    weir.produce((5..=8).map(data::build).chain((READINGS..2 * READINGS).map(data::reading)))
        .await?;
    weir.stored(&folder, 3 * (4 + 5_844)).await?;
    let sql = folder.sql().await?;
    assert_eq!(weir.json("/build").await?.as_array().map(Vec::len), Some(8));
    assert_eq!(count(&sql, "SELECT count(*) FROM readings").await?, 2 * 5_844);
    assert_eq!(count(&sql, "SELECT count(*) FROM failures").await?, 0);
    assert_eq!(count(&sql, "SELECT count(*) FROM (SELECT DISTINCT stream, partition, \"offset\" FROM events) AS places").await?, 3 * 5_848);
    assert_eq!(count(&sql, "SELECT max(epoch)::bigint FROM streams").await?, 1);
    let events = weir
        .json(&format!("/v1/events?topic=build_events&entity_id={}", data::build_id(7)))
        .await?;
    let id = events[0]["id"].as_str().unwrap_or_default();
    assert!(
        id.starts_with("build_events-") && id.contains('~'),
        "an event of a later epoch carries its stream: {events}"
    );
    assert_eq!(weir.json("/v1/failures").await?, json!([]));
    Ok(())
}

#[tokio::test]
async fn an_own_topic_and_a_record_that_is_not_an_event() -> Result<()> {
    let folder = Folder::new()?;
    let weir = Running::start(
        &folder,
        &["--topics", "+orders=events", "--event-fields", "orders=entity_id:/id"],
    )
    .await?;
    let order = weir_kafka::OutgoingRecord {
        topic: "orders".into(),
        value: Some(br#"{"id":"o-1","n":1}"#.to_vec()),
        ..Default::default()
    };
    let broken = weir_kafka::OutgoingRecord {
        topic: "readings".into(),
        value: Some(b"{\"sensor\":1".to_vec()),
        ..Default::default()
    };
    weir.produce([order, broken, data::reading(1)]).await?;
    weir.stored(&folder, 2).await?;
    until_count(&folder.sql().await?, "SELECT count(*) FROM failures", 1).await?;
    let events = weir.json("/v1/events?topic=orders").await?;
    assert_eq!(
        (&events[0]["entity_id"], &events[0]["payload"]["n"]),
        (&json!("o-1"), &json!(1)),
        "{events}"
    );
    let failures = weir.json("/v1/failures").await?;
    assert_eq!(failures[0]["value"], "{\"sensor\":1", "{failures}");
    Ok(())
}
