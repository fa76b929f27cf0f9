//! Statements with typed parameters, and the row they return.

use tokio_postgres::{
    Row,
    types::{ToSql, Type},
};

use crate::DumpError;

/// A parameter and its type.
pub(crate) type Param<'p> = (&'p (dyn ToSql + Sync), Type);

/// The row of a statement that always returns one.
pub(crate) fn first(rows: &[Row]) -> Result<&Row, DumpError> {
    rows.first().ok_or_else(|| DumpError::Broken("the database returned no row".to_owned()))
}
