//! A session with `weir_reader` cannot block other sessions or fill the disk, with any session
//! setting.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use weir_blob::Format;
use weir_model::models;
use weir_store::{DatabaseConfig, Store, migrate};
use weir_testkit::{Crashable, PATIENCE, eventually};
use weir_tests::{
    World,
    batches::{event, readings},
    dumps::Dumps,
    migrate_all,
    tables::column,
};

#[tokio::test]
async fn it_lays_nothing_on_the_disk() -> Result<()> {
    let world = World::new().await?;
    // A copy of a database does not have the rights of its original.
    migrate_all(&world.database.url()).await?;
    let reader = world.reader().await?;
    reader.batch_execute("SET default_transaction_read_only = off").await?;
    for attempt in [
        "CREATE TEMPORARY TABLE mine (a int)",
        "CREATE TEMPORARY VIEW mine AS SELECT 1",
        "SELECT 1 AS a INTO TEMPORARY mine",
        "SELECT lo_create(0)",
        "SELECT lo_creat(-1)",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT lo_put(1, 0, 'x')",
        "SELECT lowrite(0, 'x')",
        "SELECT lo_truncate(0, 1)",
        "SELECT lo_truncate64(0, 1)",
        "SELECT lo_import('/etc/hostname')",
        "SET temp_file_limit = -1",
    ] {
        let error = reader
            .batch_execute(attempt)
            .await
            .err()
            .with_context(|| format!("{attempt}: it may"))?;
        ensure!(error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{attempt}: {error:?}");
    }
    Ok(())
}

#[tokio::test]
async fn its_locks_hold_up_neither_migrate_nor_a_dump() -> Result<()> {
    let world = World::new().await?;
    world.deliver(event(readings([0, 1]))).await?;
    let day = column(&world.sql, "SELECT day::text FROM day_changes WHERE model = 'readings'")
        .await?
        .pop()
        .context("a day")?;
    let reader = world.reader().await?;
    // These are the advisory locks of an earlier build.
    let locks = format!(
        "SELECT pg_advisory_lock(x'77656972'::bigint), pg_advisory_lock(hashtextextended('weir dump readings {day}', 0))"
    );
    reader.batch_execute(&locks).await?;
    timeout(PATIENCE, migrate_all(&world.database.url())).await.context("migrate waits")??;
    let dumps = Dumps::of(world.store()?, &[Format::Json])?;
    timeout(PATIENCE, dumps.one("readings", &day)).await.context("the dump waits")?
}

/// Sessions that need the same row still wait: two migrations, and two dumps of a day.
#[tokio::test]
async fn the_locks_are_still_locks() -> Result<()> {
    let world = World::new().await?;
    world.sql.batch_execute("BEGIN; SELECT FROM migration_lock FOR UPDATE").await?;
    let url = world.database.url();
    let migration = tokio::spawn(async move { migrate_all(&url).await });
    let other = world.database.client().await?;
    let waits = "SELECT pid::text FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%migration_lock%'";
    eventually(PATIENCE, async || column(&other, waits).await.ok()?.pop())
        .await
        .context("the second migration waits")?;
    world.sql.batch_execute("COMMIT").await?;
    timeout(PATIENCE, migration).await.context("it goes on")???;
    Ok(())
}

#[tokio::test]
async fn a_session_beyond_its_limits_is_ended() -> Result<()> {
    let world = World::new().await?;
    let (waiting, idle, good) =
        (world.reader().await?, world.reader().await?, world.reader().await?);
    let freed = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0";
    for client in [&waiting, &idle] {
        client.batch_execute(freed).await?;
    }
    idle.batch_execute("BEGIN; SELECT count(*) FROM api.readings").await?;
    let sleeping = tokio::spawn(async move { waiting.batch_execute("SELECT pg_sleep(600)").await });
    let begun = "SELECT pid::text FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep%' AND state = 'active'";
    eventually(PATIENCE, async || column(&world.sql, begun).await.ok()?.pop()).await?;
    assert_eq!(
        world.count("SELECT end_long_readers()::bigint").await?,
        0,
        "a session within its limits is not ended"
    );
    assert_eq!(migrate::end_long_readers(world.writer.store()).await?, 0);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(world.count("SELECT end_long_readers('10 ms', '10 ms')::bigint").await?, 2);
    ensure!(timeout(PATIENCE, sleeping).await??.is_err(), "its statement was ended");
    eventually(PATIENCE, async || idle.is_closed().then_some(())).await?;
    good.batch_execute("SELECT count(*) FROM api.readings").await?;

    // Settings that the role gives itself last until the next migration.
    good.batch_execute("SET default_transaction_read_only = off").await?;
    let database: String =
        world.sql.query_one("SELECT quote_ident(current_database())", &[]).await?.try_get(0)?;
    for change in [
        "SET statement_timeout = 0",
        "SET work_mem = '1GB'",
        &format!("IN DATABASE {database} SET default_transaction_read_only = off"),
    ] {
        // Another test's migration may reset the setting at the same time.
        eventually(PATIENCE, async || {
            good.batch_execute(&format!("ALTER ROLE weir_reader {change}")).await.ok()
        })
        .await?;
    }
    migrate_all(&world.database.url()).await?;
    let settings = "SELECT c FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole, unnest(s.setconfig) AS c
        WHERE r.rolname = 'weir_reader' AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())) ORDER BY 1";
    let expected = [
        "default_transaction_read_only=on",
        "idle_in_transaction_session_timeout=60s",
        "search_path=api",
        "statement_timeout=30s",
        "temp_file_limit=2GB",
    ];
    assert_eq!(column(&world.sql, settings).await?, expected);
    Ok(())
}

/// If the migrating role may not create roles, each remaining step is one line of the output. These
/// steps are sufficient.
#[tokio::test]
async fn what_migrate_may_not_do_is_said_with_its_remedy() -> Result<()> {
    let server = Crashable::start(false).await?;
    let admin = server.client("postgres").await?;
    admin.batch_execute("CREATE ROLE plain LOGIN PASSWORD 'plain'").await?;
    admin.batch_execute("CREATE DATABASE ours OWNER plain").await?;
    let url = server.url("ours");
    let place = url.rsplit_once('@').context("a place")?.1;
    let store = Store::new(&DatabaseConfig::from_url(format!("postgresql://plain:plain@{place}")))?;
    migrate::run(&store, &models::builtin(), &Vec::new()).await?;
    let notes = migrate::reader_notes(&store).await?;
    ensure!(
        notes.len() == 1
            && notes[0].contains("plain may not create it")
            && notes[0].contains("`CREATE ROLE weir_reader NOLOGIN`"),
        "{notes:?}"
    );

    admin.batch_execute("CREATE ROLE weir_reader LOGIN PASSWORD 'reads'").await?;
    migrate::run(&store, &models::builtin(), &Vec::new()).await?;
    let superuser = server.client("ours").await?;
    let may = "SELECT has_table_privilege('weir_reader', 'api.readings', 'SELECT') AND NOT has_database_privilege('weir_reader', 'ours', 'TEMPORARY')";
    ensure!(
        superuser.query_one(may, &[]).await?.try_get::<_, bool>(0)?,
        "the later role reads, and makes no temporary tables"
    );
    let notes = migrate::reader_notes(&store).await?;
    ensure!(notes.len() == 2, "limits and large objects are not this user's: {notes:?}");
    for note in &notes {
        let remedy = note.split('`').nth(1).with_context(|| format!("a remedy in {note}"))?;
        superuser.batch_execute(remedy).await.with_context(|| remedy.to_owned())?;
    }
    assert_eq!(migrate::reader_notes(&store).await?, Vec::<String>::new());
    Ok(())
}
