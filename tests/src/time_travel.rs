//! Gives records an arrival time in the past.

use anyhow::Context;
use tokio_postgres::Client;
use weir_model::Micros;

/// Parses an instant in the form of RFC 3339.
pub fn instant(text: &str) -> anyhow::Result<Micros> {
    Micros::from_rfc3339(text).with_context(|| text.to_owned())
}

/// Creates the log's table of a past month, and moves these records' arrival into it.
pub async fn age(sql: &Client, which: &str, year: i32, month: i32) -> anyhow::Result<u64> {
    let begin = format!("{year:04}-{month:02}-01 00:00:00+00");
    sql.batch_execute(&format!("SELECT make_event_month('{begin}')")).await?;
    let moved =
        sql.execute(&format!("UPDATE event_records SET arrived_at = timestamptz '{begin}' + interval '3 days' WHERE {which}"), &[]).await?;
    Ok(moved)
}
