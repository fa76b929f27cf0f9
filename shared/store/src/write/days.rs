//! Marks the days of series models, and of the log, that a transaction changed.

use tokio_postgres::{Statement, types::Type};
use weir_model::DayNumber;

use crate::{StoreError, Tx, store::BorrowedConnection};

const SQL: &str = include_str!("../sql/mark_days.sql");
const TYPES: [Type; 3] = [Type::TEXT_ARRAY, Type::INT4_ARRAY, Type::BOOL];

/// Prepares the statement of [`mark`].
pub(super) async fn prepare(
    connection: &mut BorrowedConnection<'_>,
) -> Result<Statement, StoreError> {
    connection.prepared(SQL, &TYPES).await
}

/// Writes `day_changes` rows of this transaction; days are counted since 1970-01-01. `log` is true
/// if records went into the log, which changes its current day, too.
pub(crate) async fn mark(
    tx: &Tx,
    statement: Option<&Statement>,
    days: &[(&'static str, DayNumber)],
    log: bool,
) -> Result<u64, StoreError> {
    if days.is_empty() && !log {
        return Ok(0);
    }
    let models: Vec<&str> = days.iter().map(|(model, _)| *model).collect();
    let numbers: Vec<i32> = days.iter().map(|(_, day)| *day).collect();
    let [text, int, bool] = TYPES;
    Ok(match statement {
        Some(statement) => tx.client().execute(statement, &[&models, &numbers, &log]).await?,
        None => tx.execute(SQL, &[(&models, text), (&numbers, int), (&log, bool)]).await?,
    })
}
