//! Topics with `--dedupe`: equal content counts once, whichever of its records is stored first. A
//! retry is not blocked by the claim that its record has made.

use weir_model::TopicsConfig;
use weir_store::{Writer, retry::Retried};
use weir_testkit::Record;
use weir_tests::{
    World,
    batches::{event, record},
    deliver, tables,
    time_travel::instant,
    topics_config,
};

use super::{failure, writer_without_models};

fn deduping(world: &World) -> anyhow::Result<Writer> {
    world.writer_with(&TopicsConfig { dedupe: vec!["orders".into()], ..topics_config()? })
}

/// Returns orders with equal key and value.
fn equals(offsets: impl IntoIterator<Item = i64>) -> Vec<Record> {
    offsets
        .into_iter()
        .map(|offset| Record { key: "k".into(), ..record("orders", 0, offset, "\"a\"") })
        .collect()
}

const KEPT: &str = "SELECT \"offset\" || ' ' || outcome || coalesce(' ' || reason, '') FROM events ORDER BY \"offset\"";
const REPEAT: &str =
    "skipped event_already_consumed: a record with an equal key and value is already stored";

#[tokio::test]
async fn a_failure_whose_content_was_stored_meanwhile_is_a_repeat() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = deduping(&world)?;
    deliver(&writer_without_models(&world)?, event(equals([0]))).await?;
    deliver(&writer, event(equals([1]))).await?;
    assert_eq!(failure(&world, &writer, "orders-0-0").await?, Retried::Skipped);
    assert_eq!(tables::column(&world.sql, KEPT).await?, [format!("0 {REPEAT}"), "1 event".into()]);
    assert_eq!(world.count("SELECT count(*) FROM failures").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_failure_that_is_retried_first_claims_its_content() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = deduping(&world)?;
    deliver(&writer_without_models(&world)?, event(equals([0, 1]))).await?;
    assert_eq!(failure(&world, &writer, "orders-0-1").await?, Retried::Acknowledged);
    deliver(&writer, event(equals([2]))).await?;
    assert_eq!(failure(&world, &writer, "orders-0-0").await?, Retried::Skipped);
    assert_eq!(
        tables::column(&world.sql, KEPT).await?,
        [format!("0 {REPEAT}"), "1 event".into(), format!("2 {REPEAT}")]
    );
    Ok(())
}

const REFUSE: &str = "
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.\"offset\" <> 9 THEN RAISE EXCEPTION 'no' USING ERRCODE = '22003'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON event_records FOR EACH ROW EXECUTE FUNCTION refuse();";

#[tokio::test]
async fn a_refused_record_finds_its_own_claim_and_is_stored() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = deduping(&world)?;
    world.sql.batch_execute(REFUSE).await?;
    // The first record claims the content and is refused. The second one repeats it and is refused.
    // So is a third one in another batch.
    assert_eq!(deliver(&writer, event(equals([0, 1]))).await?.event_failed, 2);
    assert_eq!(deliver(&writer, event(equals([2]))).await?.event_failed, 1);
    let claims = tables::rows(&world.sql, "event_contents").await?;
    assert_eq!(claims.len(), 1);
    for id in ["orders-0-0", "orders-0-1", "orders-0-2"] {
        assert!(matches!(failure(&world, &writer, id).await?, Retried::Refused { .. }));
        assert_eq!(tables::rows(&world.sql, "event_contents").await?, claims);
    }
    world.sql.batch_execute("DROP TRIGGER refuse ON event_records").await?;
    assert_eq!(failure(&world, &writer, "orders-0-2").await?, Retried::Skipped);
    assert_eq!(failure(&world, &writer, "orders-0-1").await?, Retried::Skipped);
    assert_eq!(failure(&world, &writer, "orders-0-0").await?, Retried::Acknowledged);
    deliver(&writer, event(equals([3]))).await?;
    let wanted =
        ["0 event".to_owned(), format!("1 {REPEAT}"), format!("2 {REPEAT}"), format!("3 {REPEAT}")];
    assert_eq!(tables::column(&world.sql, KEPT).await?, wanted);
    assert_eq!(world.count("SELECT count(*) FROM event_contents").await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_claim_that_retention_dropped_is_whose_content_comes_next() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = deduping(&world)?;
    world.sql.batch_execute(REFUSE).await?;
    assert_eq!(deliver(&writer, event(equals([0]))).await?.event_failed, 1);
    world.sql.batch_execute("UPDATE event_contents SET seen_at = '2024-05-04'").await?;
    weir_store::retention::drop_months(
        writer.store(),
        instant("2025-01-01T00:00:00Z")?,
        &weir_store::retention::Guard::Nothing,
        &|_| (),
    )
    .await?;
    assert_eq!(deliver(&writer, event(equals([9]))).await?.event_acknowledged, 1);
    world.sql.batch_execute("DROP TRIGGER refuse ON event_records").await?;
    assert_eq!(failure(&world, &writer, "orders-0-0").await?, Retried::Skipped);
    assert_eq!(tables::column(&world.sql, KEPT).await?, [format!("0 {REPEAT}"), "9 event".into()]);
    Ok(())
}

#[tokio::test]
async fn a_retry_that_is_refused_claims_nothing() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = deduping(&world)?;
    world.sql.batch_execute(REFUSE).await?;
    deliver(&writer_without_models(&world)?, event(equals([0]))).await?;
    assert!(matches!(failure(&world, &writer, "orders-0-0").await?, Retried::Refused { .. }));
    assert_eq!(world.count("SELECT count(*) FROM event_contents").await?, 0);
    deliver(&writer, event(equals([9]))).await?;
    world.sql.batch_execute("DROP TRIGGER refuse ON event_records").await?;
    assert_eq!(failure(&world, &writer, "orders-0-0").await?, Retried::Skipped);
    assert_eq!(tables::column(&world.sql, KEPT).await?, [format!("0 {REPEAT}"), "9 event".into()]);
    Ok(())
}

#[tokio::test]
async fn a_repeat_stays_one_however_often_it_is_retried() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = deduping(&world)?;
    deliver(&writer, event(equals([0, 1]))).await?;
    let before = tables::everything(&world.sql).await?;
    for writer in [&writer, &world.writer] {
        let repeat = super::place(&world, "orders-0-1").await?;
        assert_eq!(weir_store::retry::event(writer, repeat).await?, Retried::Skipped);
        assert_eq!(tables::everything(&world.sql).await?, before);
    }
    Ok(())
}
