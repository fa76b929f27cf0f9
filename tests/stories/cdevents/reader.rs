//! The role `weir_reader` can read the schema `api` only.

use anyhow::ensure;
use tokio_postgres::error::SqlState;
use weir_tests::{World, tables::column};

#[tokio::test]
async fn it_can_read_every_view_and_touch_nothing_else() -> anyhow::Result<()> {
    let world = World::new().await?;
    let reader = world.reader().await?;
    let views =
        column(&world.sql, "SELECT format('%I', table_name) FROM information_schema.tables WHERE table_schema = 'api' ORDER BY 1").await?;
    ensure!(views.len() >= 25, "{views:?}");
    for view in &views {
        reader.query(&format!("SELECT * FROM api.{view}"), &[]).await?;
        // The view is also found without the name of its schema.
        reader.query(&format!("SELECT count(*) FROM {view}"), &[]).await?;
    }
    for call in [
        "api.deployed_at()",
        "api.deployed_at('2026-01-01Z')",
        "deployment_history('shop')",
        "dora(now() - interval '90 days', now())",
        "graph_ancestors('x', 10)",
        "graph_descendants('x', 10)",
    ] {
        reader.query(&format!("SELECT * FROM {call}"), &[]).await?;
    }

    let closed = column(
        &world.sql,
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND n.nspname NOT IN ('api', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'",
    )
    .await?;
    ensure!(closed.len() > 20, "{closed:?}");
    let mut attempts: Vec<String> =
        closed.iter().map(|table| format!("SELECT * FROM {table}")).collect();
    let writes = |table: &String| {
        [format!("DELETE FROM {table}"), format!("TRUNCATE {table}"), format!("DROP TABLE {table}")]
    };
    attempts.extend(closed.iter().flat_map(writes));
    attempts.extend(
        views
            .iter()
            .flat_map(|view| [format!("DELETE FROM api.{view}"), format!("DROP VIEW api.{view}")]),
    );
    attempts.extend(
        [
            "INSERT INTO api.readings VALUES ('s', now(), 1)",
            "UPDATE api.readings SET value = 1",
            "CREATE TABLE api.mine (a int)",
            "CREATE TABLE public.mine (a int)",
            "CREATE SCHEMA mine",
            "SELECT public.make_event_months(5)",
            "SELECT public.drop_event_month('events_2026_01')",
            "SELECT public.open_api()",
            "CREATE ROLE mine",
            "ALTER ROLE weir_reader SUPERUSER",
            "SET ROLE weir",
            "SELECT pg_read_file('postgresql.conf')",
            "COPY (SELECT 1) TO PROGRAM 'true'",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'weir' LIMIT 1",
        ]
        .map(str::to_owned),
    );
    // A session may allow itself to write, but this gives it no rights.
    reader.batch_execute("SET default_transaction_read_only = off").await?;
    let mut allowed = Vec::new();
    for attempt in attempts {
        match reader.batch_execute(&attempt).await {
            Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {}
            // A view with a join is not writable for any role.
            Err(error)
                if ["DELETE FROM api.", "DELETE FROM public."]
                    .iter()
                    .any(|begin| attempt.starts_with(begin))
                    && error.code() == Some(&SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE) => {}
            Err(error)
                if attempt.starts_with("TRUNCATE")
                    || attempt.starts_with("DELETE")
                    || attempt.starts_with("DROP") =>
            {
                ensure!(error.code() == Some(&SqlState::WRONG_OBJECT_TYPE), "{attempt}: {error:?}");
            }
            other => allowed.push(format!("{attempt}: {other:?}")),
        }
    }
    ensure!(allowed.is_empty(), "{}", allowed.join("\n"));
    Ok(())
}

/// No view shows bytes of failures, or the coordinates of a row.
#[tokio::test]
async fn nothing_raw_is_shown() -> anyhow::Result<()> {
    let world = World::new().await?;
    let raw = "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'api' AND data_type = 'bytea'
        OR table_schema = 'api' AND table_name = 'failures' AND column_name IN ('key', 'value', 'headers', 'error_chain')";
    assert_eq!(column(&world.sql, raw).await?, Vec::<String>::new());
    Ok(())
}
