//! Records that a plugin refuses.

use std::sync::Arc;

use weir_plugin::PluginError;
use weir_store::{StoreError, WriteLimits};
use weir_testkit::Record;
use weir_tests::{
    World,
    batches::{event, orders, readings},
    deliver, tables,
};

use crate::ledger::{Ledger, UNBALANCED, with_plugins};

/// Returns 60 records of two topics, with a skip and a failure.
fn records() -> Vec<Record> {
    let mut all = orders(0..30);
    all.extend(readings(0..30));
    all[7].value = weir_testkit::Field::Null;
    all[8].value = "no JSON".into();
    all
}

#[tokio::test]
async fn an_event_that_a_plugin_refuses_fails_alone() -> anyhow::Result<()> {
    let world = World::new().await?;
    let ledger = Ledger::new(|index, event, _| match event.offset {
        3 | 17 | 29 => {
            Err(PluginError::Event { index, reason: format!("{} brings bad luck", event.offset) })
        }
        _ => Ok(()),
    });
    let writer = with_plugins(
        &world,
        vec![Arc::new(ledger), Arc::new(weir_plugin::daily_totals::DailyTotals)],
    )
    .await?;
    let report = deliver(&writer, event(records())).await?;
    assert_eq!((report.event_acknowledged, report.event_skipped, report.event_failed), (52, 1, 7));
    let failures = "SELECT s.topic || ' ' || f.\"offset\" || ' ' || f.error_class || ' ' || f.error_message FROM failures f JOIN streams s ON s.id = f.stream
        WHERE f.error_class <> 'invalid_json' ORDER BY s.topic, f.\"offset\"";
    let wanted = ["orders", "readings"].map(|t| {
        [3, 17, 29].map(|n| format!("{t} {n} plugin_ledger plugin ledger: {n} brings bad luck"))
    });
    assert_eq!(tables::column(&world.sql, failures).await?, wanted.concat());
    assert_eq!(world.sql.query(UNBALANCED, &[]).await?.len(), 0);
    assert_eq!(world.count("SELECT sum(events)::bigint FROM daily_totals.totals").await?, 52);
    assert_eq!(world.count("SELECT count(*) FROM readings").await?, 27);
    let before = tables::everything(&world.sql).await?;
    assert_eq!(deliver(&writer, event(records())).await?.event_already_consumed, 60);
    assert_eq!(tables::everything(&world.sql).await?, before);
    Ok(())
}

#[tokio::test]
async fn a_plugin_may_refuse_more_than_a_hundred() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = with_plugins(
        &world,
        vec![Arc::new(Ledger::new(|index, _, _| {
            Err(PluginError::Event { index, reason: "no".into() })
        }))],
    )
    .await?;
    let report = deliver(&writer, event(orders(0..150))).await?;
    assert_eq!((report.event_acknowledged, report.event_failed), (0, 150));
    assert_eq!(
        world
            .count("SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM ledger.entries)")
            .await?,
        0
    );
    Ok(())
}

#[tokio::test]
async fn a_full_batch_of_which_a_plugin_refuses_every_event_ends_in_time() -> anyhow::Result<()> {
    let world = World::new().await?;
    let ledger = Ledger::with_sql(
        "INSERT INTO ledger.entries SELECT s, p, o FROM unnest($1, $2, $3) AS n (s, p, o) WHERE 1 / (o - o) = 0",
    );
    let writer = with_plugins(&world, vec![Arc::new(ledger)]).await?;
    let begun = std::time::Instant::now();
    let report = deliver(&writer, event(orders(0..10_000))).await?;
    assert_eq!((report.event_acknowledged, report.event_failed), (0, 10_000));
    assert!(begun.elapsed() < std::time::Duration::from_mins(1), "{:?}", begun.elapsed());
    let reason = "10000 records of one batch were refused, 10000 of them by plugin ledger, SQLSTATE 22012; they are stored in failures: see `weir failures list`";
    assert_eq!(report.refused_reason.as_deref(), Some(reason));
    Ok(())
}

#[tokio::test]
async fn a_data_error_of_a_plugins_statement_fails_alone() -> anyhow::Result<()> {
    let world = World::new().await?;
    let ledger = Ledger::with_sql(
        "INSERT INTO ledger.entries SELECT s, p, o FROM unnest($1, $2, $3) AS n (s, p, o) WHERE 1 / (o - 5) < 2",
    );
    let writer = with_plugins(&world, vec![Arc::new(ledger)]).await?;
    let report = deliver(&writer, event(orders(0..20))).await?;
    assert_eq!((report.event_acknowledged, report.event_failed), (19, 1));
    let failure = "SELECT \"offset\" || ' ' || error_class || ' ' || error_message FROM failures";
    assert_eq!(
        tables::column(&world.sql, failure).await?,
        ["5 plugin_ledger plugin ledger: division by zero (SQLSTATE 22012)"]
    );
    assert_eq!(world.sql.query(UNBALANCED, &[]).await?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn trouble_that_passes_fails_the_batch() -> anyhow::Result<()> {
    let world = World::new().await?;
    let ledger = Ledger::new(|_, _, _| Err(PluginError::Passing("the moon is full".into())));
    let writer = with_plugins(&world, vec![Arc::new(ledger)])
        .await?
        .with_limits(WriteLimits { max_retries: 1 });
    let Err(error) = deliver(&writer, event(orders(0..20))).await else {
        anyhow::bail!("goes through")
    };
    assert!(
        error.is_transient() && error.to_string() == "plugin ledger: the moon is full",
        "{error}"
    );
    assert_eq!(
        world
            .count("SELECT (SELECT count(*) FROM failures) + (SELECT count(*) FROM events)")
            .await?,
        0
    );
    assert_eq!(deliver(&world.writer, event(orders(0..20))).await?.event_acknowledged, 20);
    Ok(())
}

#[tokio::test]
async fn trouble_that_passed_costs_a_retry() -> anyhow::Result<()> {
    let world = World::new().await?;
    let ledger =
        Ledger::new(
            |_, _, call| {
                if call < 2 { Err(PluginError::Passing("not yet".into())) } else { Ok(()) }
            },
        );
    let writer = with_plugins(&world, vec![Arc::new(ledger)]).await?;
    let report = deliver(&writer, event(orders(0..20))).await?;
    assert_eq!((report.event_acknowledged, report.retries), (20, 2));
    assert_eq!(world.sql.query(UNBALANCED, &[]).await?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn trouble_that_passes_in_the_middle_of_the_halves_fails_the_batch() -> anyhow::Result<()> {
    let world = World::new().await?;
    let ledger = Ledger::new(|index, event, call| match event.offset {
        3 => Err(PluginError::Event { index, reason: "bad luck".into() }),
        18 if call > 0 => Err(PluginError::Passing("the moon is full".into())),
        _ => Ok(()),
    });
    let writer = with_plugins(&world, vec![Arc::new(ledger)])
        .await?
        .with_limits(WriteLimits { max_retries: 1 });
    assert!(deliver(&writer, event(orders(0..20))).await.is_err_and(|e| e.is_transient()));
    let nothing = "SELECT (SELECT count(*) FROM failures) + (SELECT count(*) FROM events) + (SELECT count(*) FROM ledger.entries)";
    assert_eq!(world.count(nothing).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_fault_of_the_plugin_fails_the_batch() -> anyhow::Result<()> {
    for (fault, sqlstate) in [
        ("INSERT INTO ledger.nowhere SELECT * FROM unnest($1, $2, $3)", "42P01"),
        ("INSERT INTO ledger.entries (x) SELECT * FROM unnest($1, $2, $3)", "42"),
        ("no SQL at all", "42601"),
    ] {
        let world = World::new().await?;
        let ledger = Arc::new(Ledger::with_sql(fault));
        let writer = with_plugins(&world, vec![ledger.clone()]).await?;
        let Err(error) = deliver(&writer, event(orders(0..20))).await else {
            anyhow::bail!("goes through: {fault}")
        };
        assert!(
            !error.is_data()
                && !error.is_transient()
                && error.to_string().contains(&format!("SQLSTATE {sqlstate}")),
            "{fault}: {error}"
        );
        assert_eq!(ledger.calls(), 1, "it is tried again and again: {fault}");
        assert_eq!(
            world
                .count("SELECT (SELECT count(*) FROM failures) + (SELECT count(*) FROM events)")
                .await?,
            0,
            "{fault}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_refusal_of_the_whole_fails_the_batch() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = with_plugins(
        &world,
        vec![Arc::new(Ledger::new(|_, _, _| Err(PluginError::Refused("I do not do this".into()))))],
    )
    .await?;
    let Err(error) = deliver(&writer, event(orders(0..20))).await else {
        anyhow::bail!("goes through")
    };
    assert!(
        matches!(error, StoreError::Plugin { .. }) && !error.is_transient() && !error.is_data(),
        "{error:?}"
    );
    assert_eq!(
        world
            .count("SELECT (SELECT count(*) FROM failures) + (SELECT count(*) FROM events)")
            .await?,
        0
    );
    Ok(())
}
