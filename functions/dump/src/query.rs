//! Helpers for statements with typed parameters.

use tokio_postgres::{
    Row,
    types::{ToSql, Type},
};

use crate::DumpError;

pub(crate) type Param<'p> = (&'p (dyn ToSql + Sync), Type);

/// Returns the row of a statement that always returns one.
pub(crate) fn first(rows: &[Row]) -> Result<&Row, DumpError> {
    rows.first().ok_or_else(|| DumpError::Broken("the database returned no row".to_owned()))
}
