//! Which days of series models a transaction changed.

use tokio_postgres::types::Type;
use weir_model::Day;

use crate::{StoreError, Tx, tx::Param};

/// Writes `day_changes` rows of this transaction; days are counted since 1970-01-01.
pub(crate) async fn mark(tx: &Tx, days: &[(&'static str, Day)]) -> Result<u64, StoreError> {
    if days.is_empty() {
        return Ok(0);
    }
    let models: Vec<&str> = days.iter().map(|(model, _)| *model).collect();
    let numbers: Vec<i32> = days.iter().map(|(_, day)| *day).collect();
    let params: [Param<'_>; 2] = [(&models, Type::TEXT_ARRAY), (&numbers, Type::INT4_ARRAY)];
    Ok(tx.execute(include_str!("../sql/mark_days.sql"), &params).await?)
}
