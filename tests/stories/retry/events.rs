//! Replays one row of the log.

use std::sync::Arc;

use async_trait::async_trait;
use weir_plugin::{
    DatabasePlugin, Migration, NewEvent, PluginError, Reapply, Tx, daily_totals::DailyTotals,
};
use weir_store::{
    Writer,
    retry::{self, Retried},
};
use weir_testkit::{Field, Record};
use weir_tests::{
    World,
    batches::{build, event, orders, readings, record},
    deliver, tables,
};

use super::{bound, place, writer_without_models};
use crate::ledger::{Ledger, UNBALANCED, with_plugins};

async fn retry(world: &World, writer: &Writer, id: &str) -> anyhow::Result<Retried> {
    Ok(retry::event(writer, place(world, id).await?).await?)
}

/// Returns the rows of every table except `day_changes`, whose rows contain transaction ids.
async fn rows(
    world: &World,
) -> anyhow::Result<std::collections::BTreeMap<&'static str, Vec<String>>> {
    let mut all = tables::everything(&world.sql).await?;
    all.remove("day_changes");
    Ok(all)
}

#[tokio::test]
async fn a_row_that_somebody_deleted_or_damaged_comes_back() -> anyhow::Result<()> {
    let world = World::new().await?;
    let newest = build(1, "ready", "2026-01-03T00:00:00Z", false);
    let builds = [
        record("build_events", 0, 0, build(1, "old", "2026-01-02T00:00:00Z", false)),
        record("build_events", 0, 1, newest),
    ];
    world.deliver(event(readings(0..5).into_iter().chain(builds))).await?;
    let before = rows(&world).await?;
    for (damage, id) in [
        ("DELETE FROM readings WHERE \"offset\" = 3", "readings-0-3"),
        ("DELETE FROM builds", "build_events-0-1"),
        (
            "UPDATE builds SET time_updated = '2026-01-01', status_build = 'damaged'",
            "build_events-0-1",
        ),
        ("SELECT 1", "readings-0-0"),
        // The event is older than the projected row.
        ("SELECT 1", "build_events-0-0"),
    ] {
        world.sql.batch_execute(damage).await?;
        assert_eq!(retry(&world, &world.writer, id).await?, Retried::Acknowledged, "{damage}");
        assert_eq!(rows(&world).await?, before, "{damage}");
    }
    // One change from the delivery, and two from the retried readings.
    assert_eq!(
        world
            .count(
                "SELECT count(*) FROM day_changes WHERE model = 'readings' AND day = '2026-01-01'"
            )
            .await?,
        3
    );
    Ok(())
}

#[tokio::test]
async fn a_skip_that_is_an_event_now_becomes_one_and_is_applied_once() -> anyhow::Result<()> {
    let world = World::new().await?;
    let plugins =
        with_plugins(&world, vec![Arc::new(DailyTotals), Arc::new(Ledger::new(|_, _, _| Ok(())))])
            .await?
            .plugins()
            .clone();
    let mistaken = readings(0..3).into_iter().map(|r| Record { topic: "build_events".into(), ..r });
    let report =
        deliver(&world.writer.clone().with_plugins(plugins.clone()), event(mistaken)).await?;
    assert_eq!(report.event_skipped, 3);
    let right = bound(&world, "build_events=readings")?.with_plugins(plugins);
    for _ in 0..3 {
        assert_eq!(retry(&world, &right, "build_events-0-1").await?, Retried::Acknowledged);
        let log = "SELECT \"offset\" || ' ' || outcome || ' ' || coalesce(entity_id || ' ' || event_type, '-') || ' ' || (reason IS NULL) FROM events ORDER BY \"offset\"";
        assert_eq!(
            tables::column(&world.sql, log).await?,
            ["0 skipped - false", "1 event speed reading true", "2 skipped - false"]
        );
        assert_eq!(world.count("SELECT count(*) FROM readings WHERE \"offset\" = 1").await?, 1);
        // The ledger has no `reapply`, so it skips records that were events before.
        assert_eq!(world.sql.query(UNBALANCED, &[]).await?.len(), 0);
        assert_eq!(world.count("SELECT sum(events)::bigint FROM daily_totals.totals").await?, 1);
    }
    // The event is new to the plugin, so `reapply` is not called. This plugin would refuse it.
    let hesitant = Hesitant(|| PluginError::Event { index: 0, reason: "not again".into() });
    let right = bound(&world, "build_events=readings")?.with_plugins(vec![Arc::new(hesitant)]);
    assert_eq!(retry(&world, &right, "build_events-0-2").await?, Retried::Acknowledged);
    Ok(())
}

#[tokio::test]
async fn an_unknown_event_changes_nothing() -> anyhow::Result<()> {
    let world = World::new().await?;
    let mut all = orders(0..3);
    all[1].value = Field::Null;
    all[2].value = "no JSON".into();
    world
        .deliver(event(all.into_iter().chain([record(
            "build_events",
            0,
            0,
            build(1, "ready", "2026-01-02T00:00:00Z", false),
        )])))
        .await?;
    let before = tables::everything(&world.sql).await?;
    assert_eq!(retry(&world, &world.writer, "orders-0-1").await?, Retried::Skipped);
    // A failure is not a row of the log, and offset 3 was never delivered.
    assert_eq!(retry(&world, &world.writer, "orders-0-2").await?, Retried::NotFound);
    assert_eq!(retry(&world, &world.writer, "orders-0-3").await?, Retried::NotFound);
    for id in ["orders-0-0", "orders-0-1"] {
        assert_eq!(retry(&world, &writer_without_models(&world)?, id).await?, Retried::Unbound);
    }
    let refused =
        retry(&world, &bound(&world, "build_events=readings")?, "build_events-0-0").await?;
    assert!(
        matches!(&refused, Retried::Refused { class, message } if class == "invalid_reading" && message.contains("sensor")),
        "{refused:?}"
    );
    assert_eq!(tables::everything(&world.sql).await?, before);
    // An event that its model would now skip remains an event.
    assert_eq!(
        retry(&world, &bound(&world, "orders=builds")?, "orders-0-0").await?,
        Retried::Skipped
    );
    assert_eq!(tables::everything(&world.sql).await?, before);
    Ok(())
}

#[tokio::test]
async fn what_the_database_refuses_changes_nothing() -> anyhow::Result<()> {
    for rule in [
        "ALTER TABLE readings ADD CONSTRAINT small CHECK (value < 1)",
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '23514'; END $$;
         CREATE CONSTRAINT TRIGGER late AFTER INSERT ON readings DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()",
    ] {
        let world = World::new().await?;
        let writer = with_plugins(&world, vec![Arc::new(DailyTotals)]).await?;
        deliver(&writer, event(readings(0..2))).await?;
        world.sql.batch_execute("DELETE FROM readings; DELETE FROM daily_totals.totals").await?;
        world.sql.batch_execute(rule).await?;
        let before = tables::everything(&world.sql).await?;
        let refused = retry(&world, &writer, "readings-0-1").await?;
        assert!(
            matches!(&refused, Retried::Refused { class, message } if class == "database_23514" && message.contains("23514")),
            "{refused:?}"
        );
        assert_eq!(tables::everything(&world.sql).await?, before);
    }
    Ok(())
}

#[tokio::test]
async fn a_plugin_that_can_applies_it_again() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer =
        with_plugins(&world, vec![Arc::new(Ledger::new(|_, _, _| Ok(()))), Arc::new(DailyTotals)])
            .await?;
    deliver(&writer, event(orders(0..7).into_iter().chain(readings(0..3)))).await?;
    let before = tables::everything(&world.sql).await?;
    for damage in [
        "DELETE FROM daily_totals.totals WHERE stream = 1",
        "UPDATE daily_totals.totals SET events = 99 WHERE stream = 1",
        "SELECT 1",
    ] {
        world.sql.batch_execute(damage).await?;
        assert_eq!(retry(&world, &writer, "orders-0-3").await?, Retried::Acknowledged);
        assert_eq!(tables::everything(&world.sql).await?, before, "{damage}");
        assert_eq!(world.sql.query(UNBALANCED, &[]).await?.len(), 0);
    }
    Ok(())
}

/// A plugin whose `reapply` deletes every reading and returns this error.
struct Hesitant(fn() -> PluginError);

#[async_trait]
impl DatabasePlugin for Hesitant {
    fn name(&self) -> &'static str {
        "hesitant"
    }

    fn migrations(&self) -> &'static [Migration] {
        &[]
    }

    async fn apply(&self, _: &Tx, _: &[NewEvent<'_>]) -> Result<(), PluginError> {
        Ok(())
    }

    async fn reapply(&self, tx: &Tx, _: Reapply<'_>) -> Result<(), PluginError> {
        tx.execute("DELETE FROM readings", &[]).await?;
        Err((self.0)())
    }
}

#[tokio::test]
async fn what_a_plugin_did_before_it_refused_is_undone() -> anyhow::Result<()> {
    let world = World::new().await?;
    let hesitant = |says| -> anyhow::Result<Writer> {
        Ok(world.writer.clone().with_plugins(vec![Arc::new(Hesitant(says)), Arc::new(DailyTotals)]))
    };
    let refusing = hesitant(|| PluginError::Refused("not twice".into()))?;
    deliver(&refusing, event(readings(0..2))).await?;
    world
        .sql
        .batch_execute("DELETE FROM readings WHERE \"offset\" = 1; DELETE FROM daily_totals.totals")
        .await?;
    let before = tables::everything(&world.sql).await?;

    let event_fault = hesitant(|| PluginError::Event { index: 0, reason: "bad luck".into() })?;
    let refused = super::refused("plugin_hesitant", "plugin hesitant: bad luck");
    assert_eq!(retry(&world, &event_fault, "readings-0-1").await?, refused);
    let passing = hesitant(|| PluginError::Passing("not now".into()))?;
    assert!(
        retry::event(&passing, place(&world, "readings-0-1").await?)
            .await
            .is_err_and(|e| e.is_transient())
    );
    assert_eq!(tables::everything(&world.sql).await?, before);

    // This plugin is skipped, but the next one is not.
    assert_eq!(retry(&world, &refusing, "readings-0-1").await?, Retried::Acknowledged);
    assert_eq!(world.count("SELECT count(*) FROM readings").await?, 2);
    assert_eq!(world.count("SELECT sum(events)::bigint FROM daily_totals.totals").await?, 2);
    Ok(())
}
