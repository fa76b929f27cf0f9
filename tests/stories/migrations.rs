//! Migrations on existing data: each migration after the baseline runs on tables that all have
//! rows.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use futures_util::{SinkExt, TryStreamExt};
use refinery_core::{Migration, Runner};
use tokio_postgres::Client;
use weir_store::migrate::CORE;
use weir_testkit::Database;
use weir_tests::{
    World,
    batches::{event, orders, record},
    deliver, migrate_all, tables, writer_on,
};

use crate::every_model::{all, traffic};

/// The migrations of the areas. No build was released with only some of them.
const BASELINE: usize = 6;

/// Fills every table with rows, in the form of this build.
async fn filled() -> Result<World> {
    let world = World::new().await?;
    for (model, topic) in all() {
        world.deliver(traffic(&*model, topic).whole()).await?;
    }
    // Records with a type that has a number, enough for a packed row.
    let packed =
        |from: i64, to: i64| event((from..to).map(|offset| record("orders", 7, offset, "{}")));
    world.deliver(packed(0, 1)).await?;
    world.deliver(packed(1, 40)).await?;
    // One failure, and a gap before the last record.
    let mut some = orders([0, 1]);
    some[1].value = "no JSON".into();
    world.deliver(event(some)).await?;
    world.deliver(event(orders([5]))).await?;
    world
        .sql
        .batch_execute(
            "INSERT INTO event_removals (stream, partition, month_table, first_offset, last_offset, records)
                VALUES (1, 0, 'events_2024_05', 0, 9, 10);
             INSERT INTO archived_files (day, topic, month_table, destination, path, bytes, sha256, records, oldest, newest)
                VALUES ('2024-05-04', 'orders', 'events_2024_05', 'file:///dumps', 'events/dt=2024-05-04/topic=orders/part-00000.parquet', 1000, 'ab', 10, '-infinity', '2024-05-04+00');
             INSERT INTO archived_ranges (file, stream, partition, first_offset, last_offset, records) VALUES (1, 1, 0, 0, 9, 10);
             INSERT INTO series_removals (model, month_table, from_time, to_time, records)
                VALUES ('readings', 'readings_2011_05', '2011-05-01+00', '2011-06-01+00', 10);
             INSERT INTO stream_contradictions (stream, partition, first_offset, end_offset, what) SELECT stream, partition, 3, 5, 'other records' FROM stream_partitions LIMIT 1;
             INSERT INTO packing (packed_until) VALUES ('2026-01-01T00:00:00Z');
             INSERT INTO event_contents (group_id, digest) VALUES ('weir', '\\x01');
             INSERT INTO dumps (destination, model, day, snapshot) VALUES ('file:///dumps', 'readings', '2026-01-02', pg_current_snapshot());
             INSERT INTO dump_locks (model, day) VALUES ('readings', '2026-01-02');
             INSERT INTO audit (id, source, actor, actor_proof, action) VALUES (gen_random_uuid(), 'admin', 'ada', 'none', 'failures list');
             INSERT INTO settings (kind, name, version, value, set_by) VALUES ('topic', 'orders', 1, '{\"model\": \"events\"}', 'flag')",
        )
        .await?;
    Ok(world)
}

/// Returns the core's tables with their columns. The log's months count as part of their table, and
/// the view of the log as a table.
async fn columns(sql: &Client) -> Result<BTreeMap<String, Vec<String>>> {
    let rows = sql
        .query(
            "SELECT quote_ident(c.relname) AS name, array_agg(quote_ident(a.attname) ORDER BY a.attnum) AS columns
             FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
             WHERE c.relnamespace = 'public'::regnamespace AND (c.relkind IN ('r', 'p') OR c.relname = 'events') AND NOT c.relispartition
                 AND c.relname NOT IN ('schema_history', 'series') AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
             GROUP BY c.relname",
            &[],
        )
        .await?;
    rows.iter().map(|row| Ok((row.try_get("name")?, row.try_get("columns")?))).collect()
}

/// Returns the rows of a table in COPY's format, sorted.
async fn copy_out(sql: &Client, table: &str, columns: &str) -> Result<Vec<u8>> {
    let rows = sql
        .copy_out(&format!(
            "COPY (SELECT {columns} FROM {table} ORDER BY ROW({columns})::text) TO STDOUT"
        ))
        .await?;
    let chunks: Vec<_> = rows.try_collect().await?;
    Ok(chunks.concat())
}

async fn copy_in(sql: &Client, table: &str, columns: &str, rows: Vec<u8>) -> Result<()> {
    let mut sink = Box::pin(sql.copy_in(&format!("COPY {table} ({columns}) FROM STDIN")).await?);
    sink.send(bytes::Bytes::from(rows)).await?;
    sink.as_mut().finish().await?;
    Ok(())
}

/// Migrates an empty database with the first `count` migrations.
async fn migrate_to(sql: &mut Client, count: usize) -> Result<()> {
    let steps = CORE[..count]
        .iter()
        .map(|step| Migration::unapplied(&format!("V{}__{}", step.version, step.name), step.sql));
    let steps = steps.collect::<Result<Vec<_>, _>>()?;
    let mut runner = Runner::new(&steps);
    runner.set_migration_table_name("schema_history");
    runner.run_async(sql).await?;
    sql.batch_execute("SELECT make_event_months(1)").await?;
    Ok(())
}

#[tokio::test]
async fn each_migration_keeps_the_rows_that_it_finds() -> Result<()> {
    let source = filled().await?;
    let newest = columns(&source.sql).await?;
    // The first round has a complete schema: migrating again changes nothing.
    for count in (BASELINE..=CORE.len()).rev() {
        let database = Database::empty().await?;
        let mut sql = database.client().await?;
        migrate_to(&mut sql, count).await?;
        // The columns that exist both before and after the migration.
        let mut kept = BTreeMap::new();
        for (table, columns) in columns(&sql).await? {
            let Some(newer) = newest.get(&table) else { continue };
            let both: Vec<String> =
                columns.into_iter().filter(|column| newer.contains(column)).collect();
            kept.insert(table, both.join(", "));
        }
        if !kept.contains_key("packed_events") {
            let unpack = "SELECT count(unpack_events(stream, partition, first_offset)::text) FROM packed_events";
            source.sql.batch_execute(unpack).await?;
        }
        // Foreign keys are not checked, because the rows are copied table by table.
        sql.batch_execute("SET session_replication_role = replica").await?;
        for (table, columns) in &kept {
            let rows = copy_out(&source.sql, table, columns).await?;
            ensure!(!rows.is_empty(), "{table} is empty: `filled` has to lay a row into it");
            // Now `events` is a view of other tables, which are copied.
            if table == "events" && kept.contains_key("event_records") {
                continue;
            }
            copy_in(&sql, table, columns, rows).await?;
        }
        migrate_all(&database.url())
            .await
            .with_context(|| format!("what follows migration {count}, over data"))?;

        for (table, columns) in &kept {
            let (there, wanted) = (
                copy_out(&sql, table, columns).await?,
                copy_out(&source.sql, table, columns).await?,
            );
            // Moving rows into a new month locks its days.
            let rows = |all: &[u8]| -> Vec<Vec<u8>> {
                all.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
            };
            let locks_more =
                table == "dump_locks" && rows(&wanted).iter().all(|row| rows(&there).contains(row));
            ensure!(
                there == wanted || locks_more,
                "{table} holds other rows since the migrations behind {count}"
            );
        }
        for view in tables::column(
            &sql,
            "SELECT table_name::text FROM information_schema.views WHERE table_schema = 'api'",
        )
        .await?
        {
            sql.execute(&format!("SELECT * FROM api.{view}"), &[])
                .await
                .with_context(|| view.clone())?;
        }
        // For this build too, the stored records are settled. A contradiction would fail the batch.
        sql.batch_execute("DELETE FROM stream_contradictions").await?;
        let writer = writer_on(&database.url())?;
        for (model, topic) in all() {
            let report = deliver(&writer, traffic(&*model, topic).whole()).await?;
            ensure!(report.event_failed == 0, "{topic}: {report:?}");
        }
        let log = &kept["events"];
        let (there, wanted) =
            (copy_out(&sql, "events", log).await?, copy_out(&source.sql, "events", log).await?);
        ensure!(there == wanted, "a second delivery changed the log behind migration {count}");
    }
    Ok(())
}

/// The failures of a release without the column `model`.
#[tokio::test]
async fn failures_get_the_model_of_their_class_or_topic_and_are_counted() -> Result<()> {
    let database = Database::empty().await?;
    let mut sql = database.client().await?;
    migrate_to(&mut sql, 11).await?;
    sql.batch_execute(
        "INSERT INTO streams (topic, group_id, epoch)
         SELECT topic, 'weir', 0 FROM unnest(ARRAY['orders', 'readings', 'cdevents', 'jobs', 'builds_old']) AS topic;
         INSERT INTO settings (kind, name, version, value, set_by) VALUES
             ('topic', 'jobs', 1, '{\"model\": \"events\"}', 'flag'), ('topic', 'jobs', 2, '{\"model\": \"builds\"}', 'apply'),
             ('topic', 'cdevents', 1, '{\"model\": \"events\"}', 'apply');
         INSERT INTO failures (stream, partition, \"offset\", timestamp_ms, checksum, error_class, error_message, discarded_at)
         SELECT s.id, 0, row_number() OVER (), 0, '\\x00', class, '', CASE WHEN class = 'database' THEN now() END
         FROM streams s CROSS JOIN unnest(ARRAY['invalid_json', 'invalid_build', 'unbound_topic', 'database']) AS class",
    )
    .await?;
    migrate_all(&database.url()).await?;
    let models = "SELECT s.topic || ' ' || f.error_class || ' ' || f.model FROM failures f JOIN streams s ON s.id = f.stream
        WHERE f.error_class <> 'database' ORDER BY 1";
    let mut wanted = Vec::new();
    for (topic, model) in [
        ("builds_old", "events"),
        ("cdevents", "events"),
        ("jobs", "builds"),
        ("orders", "events"),
        ("readings", "readings"),
    ] {
        wanted.extend([
            format!("{topic} invalid_build builds"),
            format!("{topic} invalid_json {model}"),
            format!("{topic} unbound_topic events"),
        ]);
    }
    ensure!(tables::column(&sql, models).await? == wanted, "{wanted:?}");
    let counts = "SELECT error_class || ' ' || sum(open) FROM api.failure_counts GROUP BY error_class ORDER BY 1";
    ensure!(
        tables::column(&sql, counts).await?
            == ["invalid_build 5", "invalid_json 5", "unbound_topic 5"]
    );
    // A release before this one inserts failures without a model.
    sql.batch_execute(
        "INSERT INTO failures (stream, partition, \"offset\", timestamp_ms, checksum, error_class, error_message)
         VALUES (1, 0, 99, 0, '\\x00', 'invalid_json', '')",
    )
    .await?;
    ensure!(tables::column(&sql, counts).await?[1] == "invalid_json 6");
    Ok(())
}
