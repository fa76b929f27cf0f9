//! Series: tables whose rows belong to the month of their own time.
//!
//! Each month near the present has a table. The times are those of producers, so every other row is
//! in the default partition of the series, and no time can create tables without end.

mod retention;

use tokio_postgres::{Client, error::SqlState, types::Type};
use weir_model::{Micros, Models};

use crate::{BEGIN, Store, StoreError};

pub use retention::{SeriesMonth, drop_months, old_months, undumped_days};

/// The number of months that are created ahead of the current one. Each month makes the plan of a
/// list longer, and rows of a missing month are in the default partition until it is created.
const MONTHS_AHEAD: i32 = 1;

/// A series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// The name of the model.
    pub model: String,
    /// The table's name, as SQL.
    pub table: String,
    /// The statement that deletes what belongs to removed rows.
    after_removal: Option<&'static str>,
}

/// A table of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesTable {
    /// The name.
    pub name: String,
    /// The begin and the end of its month; `None` for the default partition.
    pub month: Option<(Micros, Micros)>,
    /// The size with its indexes, in bytes.
    pub bytes: i64,
    /// The number of rows of the default partition, with their first and their last time.
    pub others: Option<(i64, Option<Micros>, Option<Micros>)>,
}

/// Returns the series of these models, in the order of their names.
pub async fn all(client: &Client, models: &Models) -> Result<Vec<Series>, StoreError> {
    let rows = client.query_typed(include_str!("sql/series_tables.sql"), &[]).await?;
    let mut all = Vec::with_capacity(rows.len());
    for row in &rows {
        let model: String = row.try_get("model")?;
        let Some(known) = models.get(&model) else { continue };
        let after_removal = known.table().and_then(|table| table.after_removal);
        all.push(Series { model, table: row.try_get("series_table")?, after_removal });
    }
    Ok(all)
}

/// Creates the missing months of every series, and moves the rows of these months out of the
/// default partitions. Returns the number of created months.
///
/// Each month is a transaction, which waits at most 2 seconds for a lock, so that readers and
/// writers do not wait longer. A month that is in use is left for the next run.
pub(crate) async fn make_months(client: &Client) -> Result<i32, StoreError> {
    let params = [(&MONTHS_AHEAD as _, Type::INT4)];
    let missing =
        client.query_typed(include_str!("sql/missing_series_months.sql"), &params).await?;
    let mut made = 0;
    for row in &missing {
        let (table, month): (String, Micros) =
            (row.try_get("series_table")?, row.try_get("month_begin")?);
        match make_month(client, &table, month).await {
            Ok(true) => made += 1,
            Ok(false) => {}
            Err(error) => {
                client.batch_execute("ROLLBACK").await?;
                let is_in_use = [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_SERIALIZATION_FAILURE]
                    .iter()
                    .any(|code| error.code() == Some(code));
                if !is_in_use {
                    return Err(error.into());
                }
                tracing::warn!(
                    table,
                    month = month.rfc3339_millis(),
                    "a month of a series is in \
                    use; the next run creates its table"
                );
            }
        }
    }
    Ok(made)
}

async fn make_month(
    client: &Client,
    table: &str,
    month: Micros,
) -> Result<bool, tokio_postgres::Error> {
    client.batch_execute(BEGIN).await?;
    client.batch_execute("SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = 0").await?;
    let params = [(&table as _, Type::TEXT), (&month as _, Type::TIMESTAMPTZ)];
    let rows = client.query_typed(include_str!("sql/make_series_month.sql"), &params).await?;
    client.batch_execute("COMMIT").await?;
    rows.first().map_or(Ok(false), |row| row.try_get("made"))
}

/// Returns the tables of a series: the months, the oldest first, then the default partition.
pub async fn tables(store: &Store, series: &Series) -> Result<Vec<SeriesTable>, StoreError> {
    let connection = store.connect().await?;
    let params = [(&series.table as _, Type::TEXT)];
    let rows =
        connection.client().query_typed(include_str!("sql/series_sizes.sql"), &params).await?;
    let table = |row: &tokio_postgres::Row| {
        let month: (Option<Micros>, Option<Micros>) =
            (row.try_get("month_begin")?, row.try_get("month_end")?);
        let records: Option<i64> = row.try_get("records")?;
        let others = match records {
            Some(records) => Some((records, row.try_get("first_time")?, row.try_get("last_time")?)),
            None => None,
        };
        Ok(SeriesTable {
            name: row.try_get("month_table")?,
            month: month.0.zip(month.1),
            bytes: row.try_get("bytes")?,
            others,
        })
    };
    rows.iter().map(table).collect()
}
