//! Gaps: ranges of offsets that were not delivered although later offsets are stored.

use tokio_postgres::Row;

use crate::{HealthKind, HealthReason, OpenedGap, StoreError};

/// Selects the open gaps of all current streams, at most `$1` (a bigint). Offsets below a stream's
/// begin are not gaps.
pub const OPEN: &str = include_str!("sql/open_gaps_of.sql");

/// Converts a row of [`OPEN`].
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
            "offsets {} to {} were never delivered: run `weir reconcile --repair` to fetch them",
            gap.first,
            gap.end - 1
        );
        Self { kind: HealthKind::Gap, topic: Some(gap.topic), partition: Some(gap.partition), text }
    }
}
