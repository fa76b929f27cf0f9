//! Transient errors, and errors inside the pipeline. The batch fails or is retried, no failure is
//! stored, and no error is taken for success.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use weir_model::KafkaBatch;
use weir_store::{DatabaseConfig, Report, Store, StoreError, WriteLimits};
use weir_testkit::{Action, KafkaEvent, PATIENCE, Proxy, Record, Step, eventually};
use weir_tests::{
    BATCH_TIME, World, audit, reading,
    traffic::{Place, place, store_on, writer_of},
};

/// Returns readings 0 to 9 of partition 0, each of a separate sensor.
fn records(tag: &str) -> Vec<Record> {
    let of = |offset| Record {
        topic: "readings".into(),
        offset,
        value: reading(&format!("s{tag}_{offset}"), 1.0, "2026-01-01T00:00:00Z").into(),
        ..Record::default()
    };
    (0..10).map(of).collect()
}

async fn write(
    store: &Store,
    group: &str,
    retries: u32,
    plugin: bool,
) -> anyhow::Result<Result<Report, StoreError>> {
    let writer =
        writer_of(store.clone(), group, plugin)?.with_limits(WriteLimits { max_retries: retries });
    let event = KafkaEvent::new(records(group)).to_bytes();
    Ok(writer.write(&KafkaBatch::parse(&event)?, BATCH_TIME).await)
}

async fn stored(world: &World, group: &str) -> anyhow::Result<usize> {
    let stored = audit::places(&world.sql, group).await?;
    let all: BTreeSet<Place> = records(group).iter().map(place).collect();
    audit::exactly_once(
        &stored,
        if stored.is_empty() { const { &BTreeSet::new() } } else { &all },
    )?;
    ensure!(world.count("SELECT count(*) FROM failures").await? == 0, "failures are not empty");
    Ok(stored.len())
}

/// Makes a table raise an error with this SQLSTATE in the next `times` transactions that write to
/// it.
async fn raise(world: &World, table: &str, state: &str, times: i64) -> anyhow::Result<()> {
    let sql = format!(
        "DROP SEQUENCE IF EXISTS raised CASCADE; CREATE SEQUENCE raised;
        CREATE OR REPLACE FUNCTION raise_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF nextval('raised') <= {times} THEN RAISE EXCEPTION 'made up' USING ERRCODE = '{state}'; END IF;
            RETURN NULL;
        END $$;
        DROP TRIGGER IF EXISTS raise_it ON {table};
        CREATE TRIGGER raise_it AFTER INSERT OR UPDATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION raise_it()"
    );
    Ok(world.sql.batch_execute(&sql).await?)
}

/// A failed transaction answers `COMMIT` with success.
#[tokio::test]
async fn an_error_inside_the_pipeline_is_never_success() -> anyhow::Result<()> {
    let world = World::new().await?;
    let store = store_on(&world.database.url())?;
    let mut count = 0;
    for plugin in [false, true] {
        for table in ["readings", "stream_partitions", "day_changes", "event_records"] {
            let group = format!("xx_{plugin}_{table}");
            // The error is neither a data error nor transient: the batch is not split and not
            // retried.
            write(&store, &format!("{group}_0"), 0, plugin).await??;
            raise(&world, table, "XX000", 1).await?;
            let error = if table == "stream_partitions" {
                // The registration is the first write to the table.
                world
                    .sql
                    .batch_execute("ALTER TABLE stream_partitions DISABLE TRIGGER raise_it")
                    .await?;
                let (topic, seen) = (&"readings", &group);
                world
                    .sql
                    .execute(
                        "INSERT INTO streams (topic, group_id, epoch) VALUES ($1, $2, 0)",
                        &[topic, seen],
                    )
                    .await?;
                world
                    .sql
                    .execute("INSERT INTO stream_partitions (stream, partition) SELECT id, 0 FROM streams WHERE group_id = $1", &[seen])
                    .await?;
                world
                    .sql
                    .batch_execute("ALTER TABLE stream_partitions ENABLE TRIGGER raise_it")
                    .await?;
                write(&store, &group, 3, plugin).await?
            } else {
                write(&store, &group, 3, plugin).await?
            };
            let error =
                error.err().with_context(|| format!("{group}: an error was taken for success"))?;
            ensure!(
                !error.is_transient() && !error.is_data() && error.to_string().contains("XX000"),
                "{error}"
            );
            ensure!(stored(&world, &group).await? == 0);
            let report = write(&store, &group, 0, plugin).await??;
            ensure!(report.event_acknowledged == 10 && stored(&world, &group).await? == 10);
            world.sql.batch_execute(&format!("DROP TRIGGER raise_it ON {table}")).await?;
            count += 1;
        }
    }
    println!("{count} errors inside the pipeline, none taken for success");
    Ok(())
}

/// The error occurs only at `COMMIT`.
#[tokio::test]
async fn an_error_of_commit_itself_is_never_success() -> anyhow::Result<()> {
    let world = World::new().await?;
    let store = store_on(&world.database.url())?;
    let deferred = |state: &str| {
        format!(
            "CREATE OR REPLACE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF NEW.sensor LIKE '%\\_4' THEN RAISE EXCEPTION 'made up' USING ERRCODE = '{state}', CONSTRAINT = 'made_up'; END IF;
                RETURN NULL;
            END $$;
            DROP TRIGGER IF EXISTS at_commit ON readings;
            CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT OR UPDATE ON readings DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION at_commit()"
        )
    };
    for plugin in [false, true] {
        world.sql.batch_execute(&deferred("XX000")).await?;
        let group = format!("commit_{plugin}");
        let error = write(&store, &group, 3, plugin)
            .await?
            .err()
            .context("an error of COMMIT was taken for success")?;
        ensure!(!error.is_data() && !error.is_transient());
        ensure!(stored(&world, &group).await? == 0);

        // A data error at COMMIT is located by splitting: one record causes it.
        world.sql.batch_execute(&deferred("23514")).await?;
        let report = write(&store, &group, 3, plugin).await??;
        ensure!((report.event_acknowledged, report.event_failed) == (9, 1), "{report:?}");
        ensure!(world.count("SELECT \"offset\" FROM failures").await? == 4);
        let places = audit::places(&world.sql, &group).await?;
        audit::exactly_once(&places, &records(&group).iter().map(place).collect())?;
        world.sql.batch_execute("DROP TRIGGER at_commit ON readings; DELETE FROM failures").await?;
    }
    Ok(())
}

#[tokio::test]
async fn passing_errors_fail_the_batch_or_are_tried_again() -> anyhow::Result<()> {
    let world = World::new().await?;
    let store = store_on(&world.database.url())?;
    let states = [
        "08006", "40001", "40P01", "53100", "53200", "53300", "55P03", "57014", "57P01", "57P03",
        "58030", "25006", "25P03",
    ];
    for state in states {
        for plugin in [false, true] {
            let group = format!("p{}{plugin}", state.to_lowercase());
            raise(&world, "readings", state, 1).await?;
            let error = write(&store, &group, 0, plugin)
                .await?
                .err()
                .with_context(|| format!("{state} was taken for success"))?;
            ensure!(error.is_transient(), "{state}: {error}");
            ensure!(stored(&world, &group).await? == 0);
            raise(&world, "readings", state, 2).await?;
            let report = write(&store, &group, 3, plugin).await??;
            ensure!(
                report.retries == 2 && stored(&world, &group).await? == 10,
                "{state}: {report:?}"
            );
        }
    }
    println!("{} SQLSTATEs", states.len());
    Ok(())
}

/// The database refuses a record, and then fails transiently while the batch is split in halves. No
/// other record may be refused.
#[tokio::test]
async fn a_transient_error_during_the_bisection_refuses_no_record() -> anyhow::Result<()> {
    let world = World::new().await?;
    let store = store_on(&world.database.url())?;
    world
        .sql
        .batch_execute(
            "ALTER TABLE readings ADD CONSTRAINT no_seven CHECK (sensor NOT LIKE '%\\_7')",
        )
        .await?;
    // The first statement that meets the constraint is the one for the first half.
    for state in ["40001", "53100", "57014", "25006", "XX000"] {
        for plugin in [false, true] {
            let group = format!("h{}{plugin}", state.to_lowercase());
            raise(&world, "readings", state, 1).await?;
            let error = write(&store, &group, 0, plugin)
                .await?
                .err()
                .with_context(|| format!("{state} was taken for success"))?;
            ensure!(
                error.is_transient() == (state != "XX000") && error.to_string().contains(state),
                "{state}: {error}"
            );
            ensure!(stored(&world, &group).await? == 0);
            let report = write(&store, &group, 0, plugin).await??;
            ensure!(
                (report.event_acknowledged, report.event_failed) == (9, 1),
                "{state}: {report:?}"
            );
            ensure!(world.count("SELECT \"offset\" FROM failures").await? == 7);
            audit::exactly_once(
                &audit::places(&world.sql, &group).await?,
                &records(&group).iter().map(place).collect(),
            )?;
            world.sql.batch_execute("DELETE FROM failures").await?;
        }
    }
    Ok(())
}

/// Too many connections, tested with a role that may have none.
#[tokio::test]
async fn too_many_connections() -> anyhow::Result<()> {
    let world = World::new().await?;
    world
        .sql
        .batch_execute(
            "CREATE ROLE few LOGIN PASSWORD 'few' CONNECTION LIMIT 0; GRANT USAGE ON SCHEMA public, daily_totals TO few;
            GRANT ALL ON ALL TABLES IN SCHEMA public, daily_totals TO few; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO few",
        )
        .await?;
    let url = world.database.url();
    let at = url.find('@').context("a URL with a password")?;
    let store = store_on(&format!("postgresql://few:few{}", &url[at..]))?;
    let error = write(&store, "few", 1, false).await?.err().context("there was no connection")?;
    ensure!(error.is_transient() && error.to_string().contains("53300"), "{error}");
    ensure!(stored(&world, "few").await? == 0);
    world.sql.batch_execute("ALTER ROLE few CONNECTION LIMIT 5").await?;
    write(&store, "few", 1, false).await??;
    ensure!(stored(&world, "few").await? == 10);
    world.sql.batch_execute("DROP OWNED BY few; ALTER ROLE few NOLOGIN").await?;
    Ok(())
}

/// An administrator ends the backend at each statement.
#[tokio::test]
async fn a_backend_that_is_terminated() -> anyhow::Result<()> {
    let world = World::new().await?;
    let proxy = Proxy::start(&world.database.url()).await?;
    let store = store_on(&proxy.url(&world.database.url()))?;
    for retries in [0, 3] {
        for (n, statement) in [
            "lock_partitions",
            "read_settled",
            "copy_events",
            "_readings",
            "settle_partitions",
            "mark_days",
            "COMMIT",
        ]
        .iter()
        .enumerate()
        {
            let group = format!("ended{retries}_{n}");
            // Registered before, so that the first COMMIT is the tested one.
            world
                .sql
                .execute(
                    "INSERT INTO streams (topic, group_id, epoch) VALUES ('readings', $1, 0)",
                    &[&group],
                )
                .await?;
            world
                .sql
                .execute("INSERT INTO stream_partitions (stream, partition) SELECT id, 0 FROM streams WHERE group_id = $1", &[&group])
                .await?;
            proxy.cut_at(Step::Execute((*statement).to_owned()), Action::Hold);
            let ended = async {
                tokio::time::timeout(PATIENCE, proxy.reached()).await?;
                world.sql.query("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'weir'", &[]).await?;
                proxy.release();
                anyhow::Ok(())
            };
            let (result, ended) = tokio::join!(write(&store, &group, retries, false), ended);
            ended.with_context(|| (*statement).to_owned())?;
            if retries == 0 {
                let error = result?.err().with_context(|| {
                    format!("{statement}: a terminated backend was taken for success")
                })?;
                ensure!(error.is_transient(), "{error}");
                ensure!(stored(&world, &group).await? == 0);
                write(&store, &group, 0, false).await??;
            } else {
                let report = result??;
                ensure!(report.retries == 1, "{statement}: {report:?}");
            }
            ensure!(stored(&world, &group).await? == 10);
        }
    }
    Ok(())
}

/// Another session holds the partition's lock for longer than the lock timeout.
#[tokio::test]
async fn a_lock_that_is_held_for_too_long() -> anyhow::Result<()> {
    let world = World::new().await?;
    let config =
        DatabaseConfig { lock_timeout: 1, ..DatabaseConfig::from_url(world.database.url()) };
    let store = Store::new(&config)?;
    let lock = "BEGIN; SELECT FROM stream_partitions FOR UPDATE";
    writer_of(store.clone(), "held", false)?
        .write(
            &KafkaBatch::parse(
                &KafkaEvent::new([Record {
                    topic: "readings".into(),
                    ..records("held")[0].clone()
                }])
                .to_bytes(),
            )?,
            BATCH_TIME,
        )
        .await?;
    world.sql.batch_execute(lock).await?;
    let error = write(&store, "held", 0, false).await?.err().context("the lock was held")?;
    ensure!(error.is_transient() && error.to_string().contains("55P03"), "{error}");
    world.sql.batch_execute("COMMIT").await?;

    // If the lock is released in time, it only causes retries.
    world.sql.batch_execute(lock).await?;
    let other = world.database.client().await?;
    let waits = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'weir' AND wait_event_type = 'Lock'";
    let waiting = async |but: Option<i32>| {
        let pid = async || {
            other.query_opt(waits, &[]).await.ok()??.try_get(0).ok().filter(|pid| Some(*pid) != but)
        };
        eventually(PATIENCE, pid).await
    };
    let give_back = async {
        // The second try uses another connection.
        let first = waiting(None).await?;
        waiting(Some(first)).await?;
        world.sql.batch_execute("COMMIT").await?;
        anyhow::Ok(())
    };
    let (result, given_back) = tokio::join!(write(&store, "held", 3, false), give_back);
    given_back?;
    let report = result??;
    ensure!(
        (report.event_acknowledged, report.event_already_consumed) == (9, 1) && report.retries >= 1,
        "{report:?}"
    );
    ensure!(stored(&world, "held").await? == 10);
    Ok(())
}

/// A real deadlock with a session that locks rows of a projection in another order.
#[tokio::test]
async fn a_deadlock() -> anyhow::Result<()> {
    let world = World::new().await?;
    let store = Store::new(&DatabaseConfig {
        lock_timeout: 60,
        ..DatabaseConfig::from_url(world.database.url())
    })?;
    // These rows are older than the events, so the events update them.
    world
        .sql
        .batch_execute("INSERT INTO readings SELECT 'sdead_' || n, '2026-01-01T00:00:00Z', 0, 0, 0, 0, 0 FROM generate_series(0, 9) n")
        .await?;
    let other = world.database.client().await?;
    // Our session detects the deadlock after a second, not the other session.
    other.batch_execute("SET deadlock_timeout = '60s'; BEGIN; UPDATE readings SET value = 0 WHERE sensor = 'sdead_9'").await?;
    let crossed = async {
        // Our session has sdead_0 and waits for sdead_9. Now the other session wants sdead_0.
        let waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'weir' AND wait_event_type = 'Lock'";
        eventually(PATIENCE, async || {
            world.sql.query(waiting, &[]).await.is_ok_and(|rows| !rows.is_empty()).then_some(())
        })
        .await?;
        other.batch_execute("UPDATE readings SET value = 0 WHERE sensor = 'sdead_0'").await?;
        other.batch_execute("COMMIT").await?;
        anyhow::Ok(())
    };
    let (result, crossed) = tokio::join!(write(&store, "dead", 3, false), crossed);
    crossed?;
    let report = result??;
    println!("a deadlock: {report:?}");
    ensure!(report.event_acknowledged == 10 && stored(&world, "dead").await? == 10);
    Ok(())
}
