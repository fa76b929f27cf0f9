//! What the database or a plugin refuses stands alone; what passes or is a fault fails the batch.

mod by_plugins;

use weir_store::{StoreError, WriteLimits, migrate, retention};
use weir_testkit::Record;
use weir_tests::{
    World,
    batches::{event, orders, readings},
    tables,
};

/// Readings of this value and above are refused, in the way that the story chose.
const REFUSED_FROM: i64 = 1000;

/// Good readings, and bad ones at the chosen places.
fn batch(size: i64, bad: impl Fn(i64) -> bool) -> Vec<Record> {
    let records = readings((0..size).map(|n| if bad(n) { REFUSED_FROM + n } else { n })).into_iter();
    (0..).zip(records).map(|(offset, record)| Record { offset, ..record }).collect()
}

/// A world whose database refuses.
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

/// On the log itself, so that COPY is what fails.
const IN_THE_LOG: &str = "
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF (NEW.payload ->> 'value')::numeric >= 1000 THEN RAISE EXCEPTION 'too large a value' USING ERRCODE = '22P02'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION refuse();";

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

/// Three of fifty are refused: the first, one in the middle, the last.
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
        assert!(failure.try_get::<_, &[u8]>(3)?.starts_with(b"{\"sensor\":\"speed\"") && failure.try_get::<_, &str>(4)? == "speed");
    }
    // Day, place and next offset are what they would be without refusals.
    assert_eq!(world.count("SELECT count(*) FROM day_changes WHERE model <> 'events'").await?, 1);
    assert_eq!(tables::column(&world.sql, "SELECT next_offset::text FROM stream_partitions ORDER BY 1").await?, ["5", "50"]);
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
async fn a_hundred_refused_are_poison_and_one_more_is_a_fault() -> anyhow::Result<()> {
    let world = world(CHECK).await?;
    let before = tables::everything(&world.sql).await?;
    let Err(error) = world.deliver(event(batch(250, |n| n % 2 == 0 && n < 202))).await else { anyhow::bail!("101 go through") };
    assert!(matches!(error, StoreError::TooManyRefused { refused: 101, .. }) && !error.is_data() && !error.is_transient(), "{error:?}");
    assert!(error.to_string().contains("readings_are_small") && error.to_string().contains("weir migrate status"), "{error}");
    let mut after = tables::everything(&world.sql).await?;
    // The place was registered in a transaction of its own; nothing is settled.
    assert_eq!(after.remove("streams").map(|rows| rows.len()), Some(1));
    assert_eq!(world.count("SELECT sum(next_offset)::bigint FROM stream_partitions").await?, 0);
    after.remove("stream_partitions");
    assert!(after.iter().all(|(table, rows)| before.get(table) == Some(rows)), "{after:?}");

    let report = world.deliver(event(batch(250, |n| n % 2 == 0 && n < 200))).await?;
    assert_eq!((report.event_acknowledged, report.event_failed), (150, 100));
    assert_eq!(world.count("SELECT count(*) FROM failures").await?, 100);
    assert_eq!(world.count("SELECT count(*) FROM readings").await?, 150);
    Ok(())
}

#[tokio::test]
async fn how_many_may_be_refused_is_a_setting() -> anyhow::Result<()> {
    let world = world(CHECK).await?;
    let strict = world.writer.clone().with_limits(WriteLimits { max_refused: 0, ..WriteLimits::default() });
    assert!(matches!(weir_tests::deliver(&strict, event(batch(5, |n| n == 3))).await, Err(StoreError::TooManyRefused { refused: 1, .. })));
    // What decoding rejects is no refusal of the database.
    let mut records = batch(5, |_| false);
    records[2].value = "no JSON".into();
    assert_eq!(weir_tests::deliver(&strict, event(records)).await?.event_failed, 1);
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
        let Err(error) = world.deliver(event(records())).await else { anyhow::bail!("stored nowhere") };
        assert!(!error.is_data() && error.to_string().contains("no partition"), "{error}");
    }
    assert_eq!(world.count("SELECT count(*) FROM failures").await?, 0);
    assert_eq!(migrate::make_months(world.writer.store(), 1).await?, 2);
    assert_eq!(migrate::make_months(world.writer.store(), 1).await?, 0);
    let report = world.deliver(event(records())).await?;
    assert_eq!((report.event_acknowledged, report.event_failed), (20, 1));
    // The month that is being written to stays, whatever is asked.
    let far = weir_model::Micros::from_rfc3339("2999-01-01T00:00:00Z").ok_or_else(|| anyhow::anyhow!("a time"))?;
    assert_eq!(retention::drop_months(world.writer.store(), far, &retention::Guard::Nothing, &|_| ()).await?.dropped, []);
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
