//! A failure that is refused again remains, with the number of attempts and the last reason.

use std::sync::Arc;

use weir_plugin::{PluginError, daily_totals::DailyTotals};
use weir_store::retry::{self, Retried};
use weir_tests::{
    World,
    batches::{event, orders, readings},
    deliver, tables,
};

use super::{FAILURES, bound, failure, place, refused, writer_without_models};
use crate::ledger::{Ledger, UNBALANCED, with_plugins};

#[tokio::test]
async fn attempts_are_counted_and_the_reason_is_the_last_one() -> anyhow::Result<()> {
    let world = World::new().await?;
    let mut all = orders(0..1);
    all[0].key = b"k\xff".into();
    deliver(&writer_without_models(&world)?, event(all)).await?;
    let bytes = "SELECT concat_ws(' ', key, headers, value, checksum, timestamp_ms, created_at) FROM failures";
    let kept = tables::column(&world.sql, bytes).await?;
    let begun = "SELECT count(*) FROM failures WHERE last_attempt_at > created_at";
    assert_eq!(world.count(begun).await?, 0);
    let readings = bound(&world, "orders=readings")?;
    let mut seen = String::new();
    for attempt in 2..5 {
        let retried = failure(&world, &readings, "orders-0-0").await?;
        let Retried::Refused { class, message } = retried else { anyhow::bail!("{retried:?}") };
        assert_eq!(class, "invalid_reading");
        assert_eq!(
            tables::column(&world.sql, FAILURES).await?,
            [format!("invalid_reading: {message} / {attempt}")]
        );
        let last = tables::column(&world.sql, "SELECT last_attempt_at::text FROM failures")
            .await?
            .remove(0);
        assert!(last != seen && world.count(begun).await? == 1);
        seen = last;
    }
    assert_eq!(tables::column(&world.sql, bytes).await?, kept);
    assert_eq!(failure(&world, &world.writer, "orders-0-0").await?, Retried::Acknowledged);
    Ok(())
}

const CHECK: &str = "ALTER TABLE readings ADD CONSTRAINT small CHECK (value < 3)";
const CHECK_GONE: &str = "ALTER TABLE readings DROP CONSTRAINT small";

const AT_COMMIT: &str = "
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.value >= 3 THEN RAISE EXCEPTION 'too large a value' USING ERRCODE = '23514', CONSTRAINT = 'late'; END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT OR UPDATE ON readings DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();";
const AT_COMMIT_GONE: &str = "DROP TRIGGER late ON readings";

const IN_THE_LOG: &str = "
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.\"offset\" >= 3 THEN RAISE EXCEPTION 'too large a value' USING ERRCODE = '23514'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER late BEFORE INSERT ON event_records FOR EACH ROW EXECUTE FUNCTION refuse();";
const IN_THE_LOG_GONE: &str = "DROP TRIGGER late ON event_records";

#[tokio::test]
async fn what_the_database_refuses_stays_until_it_does_not() -> anyhow::Result<()> {
    for (rule, gone) in
        [(CHECK, CHECK_GONE), (AT_COMMIT, AT_COMMIT_GONE), (IN_THE_LOG, IN_THE_LOG_GONE)]
    {
        let world = World::new().await?;
        let writer = with_plugins(
            &world,
            vec![Arc::new(DailyTotals), Arc::new(Ledger::new(|_, _, _| Ok(())))],
        )
        .await?;
        world.sql.batch_execute(rule).await?;
        let report = deliver(&writer, event(readings(0..4))).await?;
        assert_eq!((report.event_acknowledged, report.event_failed), (3, 1), "{rule}");
        let (before, reason) = (
            tables::everything(&world.sql).await?,
            tables::column(&world.sql, "SELECT error_message FROM failures").await?,
        );
        for attempt in 2..4 {
            assert_eq!(
                failure(&world, &writer, "readings-0-3").await?,
                refused("database_23514", &reason[0]),
                "{rule}"
            );
            assert_eq!(
                tables::column(&world.sql, FAILURES).await?,
                [format!("database_23514: {} / {attempt}", reason[0])]
            );
            let mut after = tables::everything(&world.sql).await?;
            after.insert("failures", before["failures"].clone());
            assert_eq!(after, before, "{rule}");
        }
        world.sql.batch_execute(gone).await?;
        assert_eq!(
            failure(&world, &writer, "readings-0-3").await?,
            Retried::Acknowledged,
            "{rule}"
        );
        assert_eq!(world.count("SELECT count(*) FROM readings").await?, 4);
        assert_eq!(world.sql.query(UNBALANCED, &[]).await?.len(), 0);
        assert_eq!(world.count("SELECT sum(events)::bigint FROM daily_totals.totals").await?, 4);
    }
    Ok(())
}

#[tokio::test]
async fn what_a_plugin_refuses_stays_and_counts_once_when_it_does_not() -> anyhow::Result<()> {
    let world = World::new().await?;
    let moody = Ledger::new(|index, event, call| match (event.offset, call) {
        (1, 0..6) => Err(PluginError::Event { index, reason: "bad luck".into() }),
        _ => Ok(()),
    });
    // This plugin comes after the totals, so that the work of the totals must be undone.
    let writer = with_plugins(&world, vec![Arc::new(DailyTotals), Arc::new(moody)]).await?;
    let report = deliver(&writer, event(orders(0..2))).await?;
    assert_eq!((report.event_acknowledged, report.event_failed), (1, 1));
    let mut attempts = 1;
    while failure(&world, &writer, "orders-0-1").await?
        == refused("plugin_ledger", "plugin ledger: bad luck")
    {
        attempts += 1;
        assert_eq!(
            tables::column(&world.sql, FAILURES).await?,
            [format!("plugin_ledger: plugin ledger: bad luck / {attempts}")]
        );
        assert_eq!(world.count("SELECT sum(events)::bigint FROM daily_totals.totals").await?, 1);
        assert_eq!(world.sql.query(UNBALANCED, &[]).await?.len(), 0);
    }
    assert!(attempts > 1);
    assert_eq!(world.count("SELECT count(*) FROM failures").await?, 0);
    assert_eq!(failure(&world, &writer, "orders-0-1").await?, Retried::AlreadyStored);
    assert_eq!(world.count("SELECT sum(events)::bigint FROM daily_totals.totals").await?, 2);
    assert_eq!(world.sql.query(UNBALANCED, &[]).await?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn passing_trouble_and_faults_change_nothing() -> anyhow::Result<()> {
    let world = World::new().await?;
    deliver(&writer_without_models(&world)?, event(orders(0..1))).await?;
    let passing = Ledger::new(|_, _, _| Err(PluginError::Passing("the moon is full".into())));
    let whole = Ledger::new(|_, _, _| Err(PluginError::Refused("I do not do this".into())));
    for (ledger, transient) in
        [(passing, true), (whole, false), (Ledger::with_sql("no SQL at all"), false)]
    {
        let writer = with_plugins(&world, vec![Arc::new(DailyTotals), Arc::new(ledger)]).await?;
        let before = tables::everything(&world.sql).await?;
        let Err(error) = retry::failure(&writer, place(&world, "orders-0-0").await?).await else {
            anyhow::bail!("goes through")
        };
        assert!(error.is_transient() == transient && !error.is_data(), "{error:?}");
        assert_eq!(tables::everything(&world.sql).await?, before);
    }
    let moody =
        Ledger::new(
            |_, _, call| {
                if call < 2 { Err(PluginError::Passing("not yet".into())) } else { Ok(()) }
            },
        );
    let writer = with_plugins(&world, vec![Arc::new(moody)]).await?;
    assert_eq!(failure(&world, &writer, "orders-0-0").await?, Retried::Acknowledged);
    assert_eq!(world.sql.query(UNBALANCED, &[]).await?.len(), 0);
    Ok(())
}
