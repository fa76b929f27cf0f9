//! A record that the database or a plugin refuses becomes one failure. A transient error or a bug
//! fails the whole batch.

mod by_plugins;
mod too_long;

use anyhow::Context;
use weir_store::{migrate, retention};
use weir_testkit::Record;
use weir_tests::{
    World,
    batches::{event, orders, readings},
    tables,
};

/// The database refuses readings of this value and above, with the rule of the test.
const REFUSED_FROM: i64 = 1000;

/// Returns valid readings, and invalid ones at the chosen offsets.
fn batch(size: i64, bad: impl Fn(i64) -> bool) -> Vec<Record> {
    let records =
        readings((0..size).map(|n| if bad(n) { REFUSED_FROM + n } else { n })).into_iter();
    (0..).zip(records).map(|(offset, record)| Record { offset, ..record }).collect()
}

/// Creates a database with a rule that refuses readings.
async fn world(rule: &str) -> anyhow::Result<World> {
    let world = World::new().await?;
    world.sql.batch_execute(rule).await?;
    Ok(world)
}

const CHECK: &str = "ALTER TABLE readings ADD CONSTRAINT readings_are_small CHECK (value < 1000)";

const TRIGGER: &str = "
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.value >= 1000 THEN RAISE EXCEPTION 'too large a value' USING ERRCODE = '22003'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION refuse();";

/// The trigger is on the log, so that COPY fails.
const IN_THE_LOG: &str = "
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF (NEW.payload ->> 'value')::numeric >= 1000 THEN RAISE EXCEPTION 'too large a value' USING ERRCODE = '22P02'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON event_records FOR EACH ROW EXECUTE FUNCTION refuse();";

const AT_COMMIT: &str = "
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.value >= 1000 THEN RAISE EXCEPTION 'too large a value' USING ERRCODE = '23514', CONSTRAINT = 'late'; END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT OR UPDATE ON readings DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();";

const TOO_COMPLEX: &str = "
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.value >= 1000 THEN RAISE EXCEPTION 'stack depth limit exceeded' USING ERRCODE = '54001'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION refuse();";

/// Checks that three of fifty records are refused: the first, one in the middle, the last.
async fn the_refused_stand_alone(rule: &str, sqlstate: &str) -> anyhow::Result<()> {
    let world = world(rule).await?;
    let bad = [0, 23, 49];
    let records = || batch(50, |n| bad.contains(&n)).into_iter().chain(orders(0..5));
    let report = world.deliver(event(records())).await?;
    assert_eq!((report.event_acknowledged, report.event_failed), (52, 3));
    assert_eq!(world.count("SELECT count(*) FROM events").await?, 52);
    assert_eq!(world.count("SELECT count(*) FROM readings").await?, 47);
    let failures = world.sql.query("SELECT \"offset\", error_class, error_message, value, entity_id FROM failures ORDER BY 1", &[]).await?;
    assert_eq!(failures.iter().map(|f| f.get::<_, i64>(0)).collect::<Vec<_>>(), bad);
    for failure in &failures {
        let (class, message): (&str, &str) = (failure.try_get(1)?, failure.try_get(2)?);
        assert_eq!(class, format!("database_{sqlstate}"));
        assert!(message.contains(sqlstate), "{message}");
        assert!(
            failure.try_get::<_, &[u8]>(3)?.starts_with(b"{\"sensor\":\"speed\"")
                && failure.try_get::<_, &str>(4)? == "speed"
        );
    }
    // The changed days, the partitions and the next offsets are the same as without refusals.
    assert_eq!(world.count("SELECT count(*) FROM day_changes WHERE model <> 'events'").await?, 1);
    assert_eq!(
        tables::column(&world.sql, "SELECT next_offset::text FROM stream_partitions ORDER BY 1")
            .await?,
        ["5", "50"]
    );
    let before = tables::everything(&world.sql).await?;
    assert_eq!(world.deliver(event(records())).await?.event_already_consumed, 55);
    assert_eq!(tables::everything(&world.sql).await?, before);
    Ok(())
}

#[tokio::test]
async fn a_check_constraint() -> anyhow::Result<()> {
    the_refused_stand_alone(CHECK, "23514").await
}

#[tokio::test]
async fn a_trigger_with_a_data_error() -> anyhow::Result<()> {
    the_refused_stand_alone(TRIGGER, "22003").await
}

#[tokio::test]
async fn a_trigger_on_the_log() -> anyhow::Result<()> {
    the_refused_stand_alone(IN_THE_LOG, "22P02").await
}

#[tokio::test]
async fn a_constraint_that_waits_for_commit() -> anyhow::Result<()> {
    the_refused_stand_alone(AT_COMMIT, "23514").await
}

#[tokio::test]
async fn a_limit_of_the_server() -> anyhow::Result<()> {
    the_refused_stand_alone(TOO_COMPLEX, "54001").await
}

#[tokio::test]
async fn however_many_are_refused_each_is_a_failure_and_above_a_hundred_the_report_says_why()
-> anyhow::Result<()> {
    let world = world(CHECK).await?;
    let report = world.deliver(event(batch(250, |n| n % 2 == 0 && n < 200))).await?;
    assert_eq!(
        (report.event_acknowledged, report.event_failed, report.refused_reason),
        (150, 100, None)
    );
    let later =
        |records: Vec<Record>| records.into_iter().map(|record| Record { partition: 1, ..record });
    let report = world.deliver(event(later(batch(250, |n| n % 2 == 0 && n < 202)))).await?;
    assert_eq!((report.event_acknowledged, report.event_failed), (149, 101));
    let reason = report.refused_reason.context("a reason")?;
    assert_eq!(
        reason,
        "101 records of one batch were refused, 101 of them by SQLSTATE 23514, constraint readings_are_small; they are stored in failures: see `weir failures list`"
    );
    assert_eq!(world.count("SELECT count(*) FROM failures").await?, 201);
    assert_eq!(world.count("SELECT count(*) FROM events").await?, 299);
    Ok(())
}

/// `weir` gives a batch a minute, which is half of a function's time. A batch has up to ten
/// thousand records.
#[tokio::test]
async fn a_full_batch_of_which_every_record_is_refused_ends_in_time() -> anyhow::Result<()> {
    let world = world(CHECK).await?;
    let begun = std::time::Instant::now();
    let report = world.deliver(event(batch(10_000, |_| true))).await?;
    assert_eq!((report.event_acknowledged, report.event_failed), (0, 10_000));
    assert!(begun.elapsed() < std::time::Duration::from_mins(1), "{:?}", begun.elapsed());
    assert_eq!(world.count("SELECT count(*) FROM failures WHERE error_class = 'database_23514' AND entity_id = 'speed'").await?, 10_000);
    assert_eq!(
        world
            .count("SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM readings)")
            .await?,
        0
    );
    assert_eq!(world.count("SELECT next_offset FROM stream_partitions").await?, 10_000);
    Ok(())
}

#[tokio::test]
async fn a_batch_without_a_months_table_fails_until_there_is_one() -> anyhow::Result<()> {
    let world = World::new().await?;
    for table in tables::column(&world.sql, "SELECT month_table FROM event_months()").await? {
        world.sql.batch_execute(&format!("DROP TABLE {table}")).await?;
    }
    let records = || {
        batch(20, |_| false).into_iter().chain([Record {
            offset: 20,
            value: "no JSON".into(),
            topic: "readings".into(),
            ..Record::default()
        }])
    };
    for _ in 0..2 {
        let Err(error) = world.deliver(event(records())).await else {
            anyhow::bail!("stored nowhere")
        };
        assert!(!error.is_data() && error.to_string().contains("no partition"), "{error}");
    }
    assert_eq!(world.count("SELECT count(*) FROM failures").await?, 0);
    assert_eq!(migrate::make_months(world.writer.store(), 1).await?, 2);
    assert_eq!(migrate::make_months(world.writer.store(), 1).await?, 0);
    let report = world.deliver(event(records())).await?;
    assert_eq!((report.event_acknowledged, report.event_failed), (20, 1));
    // The current month is never dropped.
    let far = weir_model::Micros::from_rfc3339("2999-01-01T00:00:00Z")
        .ok_or_else(|| anyhow::anyhow!("a time"))?;
    assert_eq!(
        retention::drop_months(world.writer.store(), far, &retention::Guard::Nothing, &|_| ())
            .await?
            .dropped,
        []
    );
    Ok(())
}

#[tokio::test]
async fn a_missing_table_or_column_or_right_fails_the_batch() -> anyhow::Result<()> {
    for fault in [
        "DROP TABLE readings CASCADE",
        "ALTER TABLE readings DROP COLUMN value CASCADE",
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '42501'; END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION refuse()",
    ] {
        let world = world(fault).await?;
        let Err(error) = world.deliver(event(batch(20, |_| false))).await else { anyhow::bail!("goes through after {fault}") };
        assert!(!error.is_data() && error.to_string().contains("SQLSTATE 42"), "{fault}: {error}");
        assert_eq!(world.count("SELECT (SELECT count(*) FROM failures) + (SELECT count(*) FROM events)").await?, 0, "{fault}");
    }
    Ok(())
}
