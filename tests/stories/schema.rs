//! The schema is documented, and every statement fits it.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use tokio_postgres::types::Type;
use weir_tests::{World, tables};

/// Selects our tables: not those of PostgreSQL, and not the migration runner's history.
const OURS: &str =
    "n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND NOT EXISTS (
    SELECT FROM pg_class h WHERE h.oid = c.oid AND h.relname LIKE 'schema_history%')";

#[tokio::test]
async fn every_table_has_a_comment() -> anyhow::Result<()> {
    let world = World::new().await?;
    let bare = format!(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {OURS} AND obj_description(c.oid, 'pg_class') IS NULL ORDER BY 1"
    );
    assert_eq!(tables::column(&world.sql, &bare).await?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn every_column_has_a_comment() -> anyhow::Result<()> {
    let world = World::new().await?;
    // A month's table has the columns of `events`.
    let bare = format!(
        "SELECT c.oid::regclass || '.' || a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND {OURS}
             AND col_description(c.oid, a.attnum) IS NULL ORDER BY 1"
    );
    assert_eq!(tables::column(&world.sql, &bare).await?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn every_function_has_a_comment() -> anyhow::Result<()> {
    let world = World::new().await?;
    let functions = "FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'";
    assert!(world.count(&format!("SELECT count(*) {functions}")).await? >= 3);
    let bare = format!(
        "SELECT p.oid::regprocedure::text {functions} AND obj_description(p.oid, 'pg_proc') IS NULL ORDER BY 1"
    );
    assert_eq!(tables::column(&world.sql, &bare).await?, Vec::<String>::new());
    Ok(())
}

/// A column that is missing in the view would be noticed in plain SQL only, which no other test
/// uses.
#[tokio::test]
async fn the_view_of_a_model_has_the_columns_of_its_list() -> anyhow::Result<()> {
    let world = World::new().await?;
    for model in weir_model::models::builtin().iter() {
        let Some(listing) = model.listing() else { continue };
        let columns = format!(
            "SELECT column_name::text FROM information_schema.columns WHERE table_schema = 'api' AND table_name = '{}' ORDER BY 1",
            model.name()
        );
        let mut listed: Vec<String> =
            listing.columns.iter().map(|column| column.name.to_owned()).collect();
        listed.sort();
        assert_eq!(tables::column(&world.sql, &columns).await?, listed, "{}", model.name());
    }
    Ok(())
}

/// The types of parameters that PostgreSQL cannot infer: those of `unnest`, and those that are only
/// tested for NULL. A statement that is not listed is prepared without types. `script` marks a file
/// with several statements.
const TYPES: &[(&str, &str)] = &[
    ("list_build_ids", "=int8 =int8 =uuid =time =uuid"),
    ("list_projects", "=int8 =int8 =uuid"),
    ("list_deployments", "=int8 =int8 =time =text =text =text =text"),
    ("get_cdevent", "=text =text =text"),
    ("list_subjects", "=int8 =int8 =text =text"),
    ("get_event", "=text =int4 =int4 =int8"),
    (
        "list_events",
        "=int8 =int8 text =text =int4 =text =text =text =time =time =text =bool =time =time =int4 =int4 =int8",
    ),
    (
        "merge_events",
        "=int8 =int8 text =text =int4 =text =text =text =time =time =text =bool =time =time =int4 =int4 =int8",
    ),
    (
        "page_events",
        "=int8 =int8 text =text =int4 =text =text =text =time =time =text =bool =time =time =int4 =int4 =int8",
    ),
    (
        "near_events",
        "=int8 =int8 text =text =int4 =text =text =text =time =time =text =bool =time =time =int4 =int4 =int8",
    ),
    ("events_of_entity", "=int8 =int8 =text"),
    ("narrow_events_of_entity", "=int8 =int8 =text"),
    ("newest_narrow_events", "=int8 =int8"),
    ("read_log", "=int4 =int4 =int8 =int8 =time"),
    ("read_log_end", "=int4 =int4 =int8 =time =int8 =int8"),
    ("unpack_all", "int4 int4 int8"),
    ("finish_packed_hour", "=time"),
    ("newest_events", "=int8 =int8"),
    ("learn_event_types", "int4 bool text text =int8"),
    ("count_failures", "text =text =int4 =text =text =text =time =time =text"),
    ("count_counted_failures", "text =text =int4 =text"),
    ("probe_failures", "text =text =int4 =text =text =text =time =time =text =int8"),
    ("failures_summary", "text =text =int4 =text"),
    ("get_failure", "=text =int4 =int4 =int8"),
    (
        "list_failures",
        "=int8 =int8 text =text =int4 =text =text =text =time =time =text =text =time =time =int4 =int4 =int8",
    ),
    (
        "list_failures_by_class",
        "=int8 =int8 text =text =int4 =text =text =text =time =time =text =text =time =time =int4 =int4 =int8",
    ),
    ("list_pending_failures", "text =text =int4 =text =text =text =time =time =text =int8"),
    ("begin_dump", "=text =text =int4"),
    ("has_version", "=text =text =int4 =text"),
    ("begin_snapshot", "script"),
    ("copy_in_statements", "=text =text text text text"),
    ("copy_out_statement", "=text =text text text text =text =time =time =text =text text =text"),
    ("has_rows_statement", "=text =text =text =time =time"),
    ("day_states", "=text text =int4 =int4"),
    ("fill", "script"),
    ("insert_setting", "=text =text =text =text"),
    ("lock_day", "=text =int4"),
    ("make_day_lock", "=text =int4"),
    ("reader_role", "script"),
    ("open_reader", "script"),
    ("make_migration_lock", "script"),
    ("lock_restored", "int4 int4"),
    ("mark_restored", "=text =int4"),
    ("open_restored_gaps", "int4 int4 int8 int8"),
    ("record_dump", "=text =text =int4 =text =int8 =int8 =time"),
    ("record_verified", "=text =text =int4 =time =time"),
    ("settle_restored", "int4 int4 int8 int8"),
    ("values_statement", "=text =text =text =text =text =time =time =text =int8"),
    (
        "list_cdevents",
        "=int8 =int8 =text =text =text =text =text =time =time =time =text =text =text",
    ),
    ("claim_identities", "text text text time"),
    ("find_removal", "=text =int4"),
    ("archived_records", "=int4"),
    ("archived_files_of_page", "text =text =int4 =time =time =time =time"),
    ("archived_files_of_event", "=text =int4 =int4 =int8"),
    ("archived_files_of_streams", "int4 =time"),
    (
        "note_archived_file",
        "=text =text =int4 =time =text =text =int8 =text =time =time int4 int4 int8 int8 int8",
    ),
    ("bring_back", "=int4 int4 int4 int8"),
    ("any_removed", "int4"),
    ("show_archived", "int4 int4 int8 text time text text bytea time text text text bytea text"),
    (
        "upsert_cdevents",
        "text text text time text text text text text text text text bytea time int8 int4 int4 int8",
    ),
    ("upsert_deployments", "text text time text text time text text text"),
    ("upsert_edges", "text text text text text time text text text"),
    (
        "upsert_subjects",
        "text text time text time text text text time text time text time time time time time time time time time time time time time time time time time time time time time time time",
    ),
    (
        "upsert_builds",
        "uuid uuid uuid text text text text text text text text int8 int8 text bool bool int4 text time text text text time time int8 int4 int4 int8",
    ),
    ("upsert_readings", "text time float8 int8 int4 int4 int8"),
    ("daily_totals.add", "int4 int4 text int8"),
    ("daily_totals.forget", "=int4 =int4 =text"),
    ("daily_totals.recount", "=int4 =int4 =text"),
    ("daily_totals.totals", "=text =text =text =int8"),
    ("claim_contents", "=text bytea"),
    ("close_gaps", "int4 int4 int8"),
    ("count_log", "int4 =time"),
    ("find_stream", "=text =int4"),
    (
        "insert_failures",
        "int4 int4 int8 int8 time bytea text text text text text text bytea text bytea text text",
    ),
    ("list_builds", "=int8 =int8 =uuid =text =text =bool =bool =time =time =time =uuid"),
    ("list_readings", "=int8 =int8 =text =time =time =time =text"),
    ("lock_partitions", "=text text int4"),
    ("lock_places", "int4 int4"),
    ("mark_days", "text int4 =bool"),
    ("mark_days_of", "=text =text =text =name"),
    ("undumped_days", "int4 =text =text"),
    ("open_gaps", "int4 int4 int8 int8"),
    ("read_checksums", "int4 int4 int4 int8 int8"),
    ("read_settled", "=text text int4 int8 int8"),
    ("reconcile", "=text text int4"),
    ("begin", "script"),
    ("begin_migrations", "script"),
    ("note_begins", "text text int4 int8"),
    ("note_contradictions", "text text int4 int8 int8 text"),
    ("read_identities", "text text int4"),
    ("read_positions", "text text int4 int8"),
    ("register_partitions", "=text text int4 int8"),
    ("register_streams", "text text"),
    ("remember_leader_epochs", "text text int4 int4"),
    ("remember_topic_ids", "text text int4 text"),
    ("settle_partitions", "int4 int4 int8"),
    ("promote_event", "=int4 =int4 =int8 =text =time =text =text =text"),
    ("rewrite_problems", "int4 int4 int8 time text"),
    ("index_keys", "text"),
];

/// Returns a list type, unless the name begins with `=`.
fn parameter(name: &str) -> anyhow::Result<Type> {
    Ok(match name {
        "=int4" => Type::INT4,
        "=int8" => Type::INT8,
        "=text" => Type::TEXT,
        "=time" => Type::TIMESTAMPTZ,
        "=bool" => Type::BOOL,
        "=name" => Type::NAME,
        "=uuid" => Type::UUID,
        "bool" => Type::BOOL_ARRAY,
        "bytea" => Type::BYTEA_ARRAY,
        "float8" => Type::FLOAT8_ARRAY,
        "int4" => Type::INT4_ARRAY,
        "int8" => Type::INT8_ARRAY,
        "text" => Type::TEXT_ARRAY,
        "time" => Type::TIMESTAMPTZ_ARRAY,
        "uuid" => Type::UUID_ARRAY,
        other => anyhow::bail!("no type {other}"),
    })
}

/// Returns every `.sql` file of the workspace except migrations, which run in every test.
fn statements() -> anyhow::Result<Vec<PathBuf>> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let mut folders: Vec<PathBuf> =
        ["shared", "functions", "tests"].iter().map(|folder| top.join(folder)).collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "sql")
                && !(name.starts_with('V') && name.contains("__"))
            {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Returns the name in the first line.
fn name_of(sql: &str) -> Option<&str> {
    let name = sql.lines().next()?.strip_prefix("-- ")?;
    let plain = !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._".contains(&b));
    plain.then_some(name)
}

#[tokio::test]
async fn every_statement_begins_with_its_name_and_fits_the_schema() -> anyhow::Result<()> {
    let world = World::new().await?;
    let (mut names, mut wrong) = (Vec::new(), Vec::new());
    for file in statements()? {
        let sql = std::fs::read_to_string(&file)?;
        let stem = file.file_stem().and_then(|s| s.to_str()).context("a file's name")?;
        match name_of(&sql) {
            Some(name) if names.contains(&name.to_owned()) => {
                wrong.push(format!("{}: {name} is another's name", file.display()));
            }
            Some(name) if !name.contains(stem) => {
                wrong.push(format!("{}: its name is {name}", file.display()));
            }
            Some(name) => {
                names.push(name.to_owned());
                let types =
                    TYPES.iter().find(|(known, _)| *known == name).map_or("", |(_, types)| types);
                let checked = if types == "script" {
                    world.sql.batch_execute(&[&sql, ";\nROLLBACK"].concat()).await
                } else {
                    let types = types
                        .split_whitespace()
                        .map(parameter)
                        .collect::<anyhow::Result<Vec<_>>>()?;
                    world.sql.prepare_typed(&sql, &types).await.map(drop)
                };
                if let Err(error) = checked {
                    wrong.push(format!(
                        "{}: {} (its parameters' types may belong into TYPES)",
                        file.display(),
                        weir_store::describe(&error)
                    ));
                }
            }
            None => wrong.push(format!("{}: begins with no name", file.display())),
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    ensure!(names.len() > 60, "only {} statements were found", names.len());
    let gone: Vec<&str> = TYPES
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !names.iter().any(|n| n == name))
        .collect();
    ensure!(gone.is_empty(), "TYPES names statements that are no more: {gone:?}");
    Ok(())
}
