//! Plugins and models have their own tables, and count every event once.

mod schemas;

use std::sync::Arc;

use tokio_postgres::types::Type;
use weir_plugin::{DatabasePlugin, NewEvent, PluginError, Reapply, daily_totals::DailyTotals};
use weir_store::{StoreError, replay};
use weir_testkit::Record;
use weir_tests::{
    World,
    batches::{build, event, orders, readings, record},
    deliver, tables,
    time_travel::{age, instant},
};

use crate::ledger::{Ledger, UNBALANCED, with_plugins};

const TOTALS: &str = "SELECT s.topic || ' ' || t.day || ' ' || t.event_type || ' ' || t.events FROM daily_totals.totals t JOIN streams s ON s.id = t.stream ORDER BY 1";

/// Returns records with days before and after 1970, the first possible year, no time, a skip, a
/// failure, and two types.
fn records() -> Vec<Record> {
    let mut all = orders(0..20);
    for (n, timestamp) in [
        (0, -2),
        (1, 0),
        (2, -62_167_219_200_000),
        (3, i64::MAX),
        (4, 1_767_225_599_999),
        (5, 1_767_225_600_000),
    ] {
        all[n].timestamp = timestamp;
    }
    all[6].value = weir_testkit::Field::Null;
    all[7].value = "no JSON".into();
    all.extend(readings(0..20));
    for n in 0..10_u32 {
        let mut value = build(n % 3, "ready", "2026-01-02T00:00:00Z", false);
        if n % 2 == 0 {
            value = value.replace("\"event\":\"updated\"", "\"event\":\"ready\"");
        }
        all.push(record("build_events", 0, n.into(), value));
    }
    all
}

/// Counts the totals from the log.
const COUNTED: &str = "SELECT s.topic || ' ' || (coalesce(e.event_time, e.arrived_at) AT TIME ZONE 'UTC')::date || ' ' || coalesce(e.event_type, '') || ' ' || count(*)
    FROM events e JOIN streams s ON s.id = e.stream WHERE e.outcome = 'event'
    GROUP BY s.topic, (coalesce(e.event_time, e.arrived_at) AT TIME ZONE 'UTC')::date, coalesce(e.event_type, '') ORDER BY 1";

async fn assert_counted(world: &World) -> anyhow::Result<()> {
    let totals = tables::column(&world.sql, TOTALS).await?;
    assert_eq!(totals, tables::column(&world.sql, COUNTED).await?);
    assert_eq!(
        world.count("SELECT sum(events)::bigint FROM daily_totals.totals").await?,
        world.count("SELECT count(*) FROM events WHERE outcome = 'event'").await?
    );
    Ok(())
}

#[tokio::test]
async fn a_total_counts_a_redelivered_event_once() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = with_plugins(&world, vec![Arc::new(DailyTotals)]).await?;
    let all = records();
    for part in [&all[10..15], &all[0..12], &all[0..20], &all[..], &all[5..45]] {
        deliver(&writer, event(part.to_vec())).await?;
        assert_counted(&world).await?;
    }
    assert_eq!(world.count("SELECT count(*) FROM events").await?, 49);
    let days = tables::column(&world.sql, TOTALS).await?;
    for day in [
        "orders 0001-01-01 BC  1",
        "orders 1969-12-31  1",
        "orders 1970-01-01  1",
        "orders 2025-12-31  1",
        "build_events 2026-01-02 ready 5",
    ] {
        assert!(days.iter().any(|d| d == day), "{day} is not in {days:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_total_counts_an_event_once_through_halves_and_retries() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.sql.batch_execute("ALTER TABLE readings ADD CHECK (value <> 13)").await?;
    // This plugin comes after the totals, so that the work of the totals must be undone.
    let moody = Ledger::new(|index, event, call| match event.offset {
        18 => Err(PluginError::Event { index, reason: "bad luck".into() }),
        _ if call % 5 == 3 => Err(PluginError::Passing("not now".into())),
        _ => Ok(()),
    });
    let writer = with_plugins(&world, vec![Arc::new(DailyTotals), Arc::new(moody)])
        .await?
        .with_limits(weir_store::WriteLimits { max_retries: 100 });
    let mut retries = 0;
    for record in records().chunks(3) {
        retries += deliver(&writer, event(record.to_vec())).await?.retries;
    }
    assert!(retries > 2, "only {retries} retries");
    assert_counted(&world).await?;
    assert_eq!(world.sql.query(UNBALANCED, &[]).await?.len(), 0);
    assert_eq!(world.count("SELECT count(*) FROM events").await?, 46);
    Ok(())
}

#[tokio::test]
async fn replay_counts_again_from_the_log() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = with_plugins(&world, vec![Arc::new(DailyTotals)]).await?;
    deliver(&writer, event(records())).await?;
    let before = tables::rows(&world.sql, "daily_totals.totals").await?;
    for damage in [
        "UPDATE daily_totals.totals SET events = events + 5",
        "DELETE FROM daily_totals.totals",
        "SELECT 1",
    ] {
        world.sql.batch_execute(damage).await?;
        assert_eq!(replay::plugin(&writer, "daily_totals", &|_, _| ()).await?, 3);
        assert_eq!(tables::rows(&world.sql, "daily_totals.totals").await?, before, "{damage}");
    }
    Ok(())
}

#[tokio::test]
async fn one_event_is_applied_again_by_counting_its_day() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = with_plugins(&world, vec![Arc::new(DailyTotals)]).await?;
    deliver(&writer, event(records())).await?;
    let before = tables::rows(&world.sql, "daily_totals.totals").await?;
    world.sql.batch_execute("UPDATE daily_totals.totals SET events = events + 5 WHERE day = '2026-01-02' AND event_type = 'ready'").await?;
    let retried = NewEvent {
        topic: "build_events",
        group_id: "weir",
        stream: stream(&world, "build_events").await?,
        partition: 0,
        offset: 0,
        timestamp_ms: 0,
        key: None,
        entity_id: None,
        event_time: weir_model::Micros::from_rfc3339("2026-01-02T00:00:00Z"),
        event_type: Some("ready"),
        event_version: None,
        payload: "{}".into(),
    };
    for _ in 0..2 {
        let retried = &retried;
        let again = |tx| async move {
            DailyTotals
                .reapply(&tx, Reapply::Event(retried))
                .await
                .map_err(|error| StoreError::Refused(error.to_string()))
        };
        writer.store().transaction("reapply_one", again).await?;
        assert_eq!(tables::rows(&world.sql, "daily_totals.totals").await?, before);
    }
    Ok(())
}

async fn stream(world: &World, topic: &str) -> anyhow::Result<i32> {
    Ok(world
        .sql
        .query_typed_one("SELECT id FROM streams WHERE topic = $1", &[(&topic, Type::TEXT)])
        .await?
        .try_get(0)?)
}

#[tokio::test]
async fn a_new_count_is_refused_after_retention_removed_a_part() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = with_plugins(&world, vec![Arc::new(DailyTotals)]).await?;
    deliver(&writer, event(records())).await?;
    age(&world.sql, "stream = 1 AND \"offset\" < 3", 2024, 1).await?;
    weir_store::retention::drop_months(
        writer.store(),
        instant("2025-01-01T00:00:00Z")?,
        &weir_store::retention::Guard::Nothing,
        &|_| (),
    )
    .await?;
    let before = tables::rows(&world.sql, "daily_totals.totals").await?;
    let Err(error) = replay::plugin(&writer, "daily_totals", &|_, _| ()).await else {
        anyhow::bail!("counts anew")
    };
    assert_eq!(
        error.to_string(),
        "plugin daily_totals: retention has removed events_2024_01 of this stream from the database, so a new count would be too low"
    );
    assert!(!error.is_transient() && !error.is_data());
    assert_eq!(tables::rows(&world.sql, "daily_totals.totals").await?, before);
    Ok(())
}

#[tokio::test]
async fn a_plugin_without_reapply_refuses() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = with_plugins(&world, vec![Arc::new(Ledger::new(|_, _, _| Ok(())))]).await?;
    deliver(&writer, event(records())).await?;
    let Err(error) = replay::plugin(&writer, "ledger", &|_, _| ()).await else {
        anyhow::bail!("applies twice")
    };
    assert_eq!(
        error.to_string(),
        "plugin ledger: the plugin cannot apply an event again, because it does not implement \
         reapply"
    );
    let Err(error) = replay::plugin(&writer, "daily_totals", &|_, _| ()).await else {
        anyhow::bail!("is not enabled")
    };
    assert_eq!(
        error.to_string(),
        "plugin \"daily_totals\" is not enabled; --plugins enables: ledger"
    );
    assert_eq!(world.sql.query(UNBALANCED, &[]).await?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn plugins_see_what_the_log_holds() -> anyhow::Result<()> {
    let world = World::new().await?;
    // The payload of each event is the text of its value, also for odd values.
    let curious = Ledger::new(|index, event, _| {
        let wanted = if event.offset == 1 {
            r#"{"odd":"\u0000"}"#.to_owned()
        } else {
            format!(r#"{{"n":{}}}"#, event.offset)
        };
        let right = event.payload == wanted
            && (event.topic, event.group_id, event.partition) == ("orders", "weir", 0)
            && event.key == Some(b"k\xff");
        if right { Ok(()) } else { Err(PluginError::Event { index, reason: format!("{event:?}") }) }
    });
    let writer = with_plugins(&world, vec![Arc::new(curious) as Arc<dyn DatabasePlugin>]).await?;
    let mut all = orders(0..3);
    all[1].value = r#"{"odd":"\u0000"}"#.into();
    for record in &mut all {
        record.key = b"k\xff".into();
    }
    deliver(&writer, event(all)).await?;
    assert_eq!(
        tables::column(&world.sql, "SELECT error_message FROM failures").await?,
        Vec::<String>::new()
    );
    assert_eq!(world.count("SELECT count(*) FROM ledger.entries").await?, 3);
    Ok(())
}
