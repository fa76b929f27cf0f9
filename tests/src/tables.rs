//! Tables as text, to hold one moment against another.

use std::collections::BTreeMap;

use anyhow::Context;
use tokio_postgres::Client;

/// Every table that Weir writes to.
pub const TABLES: [&str; 11] = [
    "builds",
    "daily_totals.totals",
    "day_changes",
    "event_contents",
    "event_removals",
    "events",
    "failures",
    "readings",
    "stream_gaps",
    "stream_partitions",
    "streams",
];

/// The rows of a table, sorted.
pub async fn rows(sql: &Client, table: &str) -> anyhow::Result<Vec<String>> {
    column(sql, &format!("SELECT t::text FROM {table} t ORDER BY 1")).await
}

/// The rows of every table.
pub async fn everything(sql: &Client) -> anyhow::Result<BTreeMap<&'static str, Vec<String>>> {
    let mut all = BTreeMap::new();
    for table in TABLES {
        all.insert(table, rows(sql, table).await?);
    }
    Ok(all)
}

/// The first column of a query's rows, which is text.
pub async fn column(sql: &Client, query: &str) -> anyhow::Result<Vec<String>> {
    let rows = sql.query(query, &[]).await.with_context(|| query.to_owned())?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
