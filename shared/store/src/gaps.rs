//! Ranges that were passed over: what comes after them is stored, they are not.

use tokio_postgres::Row;

use crate::{HealthReason, OpenedGap, StoreError};

/// The gaps that are open now, of every topic that is read, at most so many (`$1`, a bigint). What
/// lies before a stream's begin is none.
pub const OPEN: &str = include_str!("sql/open_gaps_of.sql");

/// A row of [`OPEN`].
pub fn of_row(row: &Row) -> Result<OpenedGap, StoreError> {
    Ok(OpenedGap {
        topic: row.try_get("topic")?,
        partition: row.try_get("partition")?,
        first: row.try_get("first_offset")?,
        end: row.try_get("end_offset")?,
    })
}

impl From<OpenedGap> for HealthReason {
    fn from(gap: OpenedGap) -> Self {
        let text = format!(
            "offsets {} to {} were never delivered: run `weir reconcile --repair`",
            gap.first,
            gap.end - 1
        );
        Self { kind: "gap", topic: Some(gap.topic), partition: Some(gap.partition), text }
    }
}
