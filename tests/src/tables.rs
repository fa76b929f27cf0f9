//! Tables as text, to compare two moments.

use std::collections::BTreeMap;

use anyhow::Context;
use tokio_postgres::Client;
use weir_model::models;

/// The tables of the log, and the tables that belong to it.
const CORE: [&str; 11] = [
    "daily_totals.totals",
    "day_changes",
    "event_contents",
    "event_removals",
    "events",
    "failure_counts",
    "failures",
    "series_removals",
    "stream_gaps",
    "stream_partitions",
    "streams",
];

/// Returns every table that Weir writes to: those of the log, and those of each built-in model.
pub fn all() -> Vec<&'static str> {
    let models = models::builtin();
    CORE.into_iter().chain(models.iter().flat_map(|model| model.tables().iter().copied())).collect()
}

/// Returns the rows of a table, sorted.
pub async fn rows(sql: &Client, table: &str) -> anyhow::Result<Vec<String>> {
    column(sql, &format!("SELECT t::text FROM {table} t ORDER BY 1")).await
}

/// Returns the rows of every table.
pub async fn everything(sql: &Client) -> anyhow::Result<BTreeMap<&'static str, Vec<String>>> {
    let mut all = BTreeMap::new();
    for table in self::all() {
        all.insert(table, rows(sql, table).await?);
    }
    Ok(all)
}

/// Returns the first column of a query's rows, which must be text.
pub async fn column(sql: &Client, query: &str) -> anyhow::Result<Vec<String>> {
    let rows = sql.query(query, &[]).await.with_context(|| query.to_owned())?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Returns the rows of a table, sorted, without the columns that the database's clock fills in.
pub async fn timeless(sql: &Client, table: &str) -> anyhow::Result<Vec<String>> {
    column(
        sql,
        &format!("SELECT (to_jsonb(t) - {CLOCKED})::text FROM {table} t ORDER BY 1")
            .replace("{table}", table),
    )
    .await
}

/// Selects the names of the columns of `{table}` that the clock fills in. The log is a view of
/// `event_records`.
const CLOCKED: &str = "(SELECT coalesce(array_agg(a.attname::text), '{}') FROM pg_attribute a JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = (CASE '{table}' WHEN 'events' THEN 'event_records' ELSE '{table}' END)::regclass AND pg_get_expr(d.adbin, d.adrelid) = 'now()')";
