//! Cuts a day of a series whose key is (what, when) into slices in the order of the key. So the
//! server sorts nothing, two connections read at once, and rows of other days are not read.

use std::{collections::VecDeque, ops::Range};

use futures_util::future::try_join_all;
use tokio_postgres::{Client, types::Type};
use weir_blob::UtcDay;
use weir_model::Micros;

use crate::{
    DumpError,
    query::{Param, first},
    table::{DumpTable, TimeKey, ValueFilter, bounds},
};

/// The approximate size of a slice. A slice must fit into memory, because a connection may be that
/// much ahead of the other.
const SLICE_BYTES: usize = 1536 * 1024;
/// The first slice is this fraction of the day of one value. It is a guess, which the size of the
/// slice corrects.
const FIRST_PART: i64 = 32;
/// Number of values that are read with one statement.
const PAGE: i64 = 1000;
/// Maximum number of values of one slice, because they are literals in its statement.
const VALUES_MAX: usize = 500;
/// Number of slices that are cut at once. Their statements are requested in one round trip.
const CUT_AT_ONCE: usize = 4;
/// The shortest time span of a slice, in microseconds.
const SPAN_MIN: i64 = 1_000_000;

/// Cuts a day into slices.
pub(super) struct Slices<'t> {
    table: &'t DumpTable,
    key: TimeKey<'t>,
    begin: i64,
    end: i64,
    /// Values that were read and are not used yet, the last value that was read, and whether there
    /// may be more.
    values: VecDeque<String>,
    last: Option<String>,
    more: bool,
    /// The time at which the next slice of the first value begins.
    at: i64,
    size: Size,
    /// Slices that were cut and not returned yet.
    ready: VecDeque<Slice>,
}

/// The size of a slice: this time span of one value, or this number of values with the whole day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    span: i64,
    values: usize,
}

pub(super) struct Slice {
    /// The statement that copies out the slice.
    pub(super) copy: String,
    pub(super) size: Size,
}

/// The begin and the end of a slice.
struct Cut {
    values: Vec<String>,
    from: i64,
    to: i64,
}

impl<'t> Slices<'t> {
    /// Returns the slices of a day. `None` when the key is not (what, when).
    pub(super) fn of(table: &'t DumpTable, day: UtcDay) -> Option<Self> {
        let key = table.time_key()?;
        let Range { start: Micros(begin), end: Micros(end) } = bounds(day);
        let size = Size { span: (end - begin) / FIRST_PART, values: 1 };
        Some(Self {
            table,
            key,
            begin,
            end,
            values: VecDeque::new(),
            last: None,
            more: true,
            at: begin,
            size,
            ready: VecDeque::new(),
        })
    }

    /// Returns the next slice; `None` at the end of the day.
    pub(super) async fn next(&mut self, client: &Client) -> Result<Option<Slice>, DumpError> {
        if self.ready.is_empty() {
            if self.values.len() < self.size.values * CUT_AT_ONCE && self.more {
                self.read_values(client).await?;
            }
            let cuts: Vec<Cut> = std::iter::from_fn(|| self.cut()).take(CUT_AT_ONCE).collect();
            let (table, what) = (self.table, self.key.what);
            let slices = cuts.into_iter().map(async |cut| {
                let filter = ValueFilter {
                    column: &what.name,
                    type_name: &what.type_name,
                    values: &cut.values,
                };
                let time = Micros(cut.from)..Micros(cut.to);
                let copy = table.copy_out(client, time, Some(filter), None).await?;
                Ok::<_, DumpError>(Slice {
                    copy,
                    size: Size { span: cut.to - cut.from, values: cut.values.len() },
                })
            });
            self.ready = try_join_all(slices).await?.into();
        }
        Ok(self.ready.pop_front())
    }

    fn cut(&mut self) -> Option<Cut> {
        if self.values.is_empty() {
            return None;
        }
        // A value whose day is cut into slices is read alone to its end.
        let most = if self.at > self.begin { 1 } else { self.size.values };
        let (from, to) = (self.at, self.at.saturating_add(self.size.span).min(self.end));
        let taken = most.min(self.values.len());
        let values = if to < self.end {
            self.at = to;
            self.values.iter().take(taken).cloned().collect()
        } else {
            self.at = self.begin;
            self.values.drain(..taken).collect()
        };
        Some(Cut { values, from, to })
    }

    /// Adapts the size of the next slices after a slice of the size `taken` had `bytes` bytes.
    pub(super) fn learn(&mut self, taken: Size, bytes: usize) {
        self.size = resize(self.size, taken, bytes, self.end - self.begin);
    }

    async fn read_values(&mut self, client: &Client) -> Result<(), DumpError> {
        let rows = client.query_typed(&self.values_statement(client).await?, &[]).await?;
        self.more = i64::try_from(rows.len()).is_ok_and(|n| n == PAGE);
        for row in &rows {
            self.values.push_back(row.try_get("value")?);
        }
        self.last = self.values.back().cloned().or_else(|| self.last.take());
        Ok(())
    }

    async fn values_statement(&self, client: &Client) -> Result<String, DumpError> {
        let (begin, end) = (Micros(self.begin), Micros(self.end));
        let params: [Param<'_>; 9] = [
            (&self.table.schema, Type::TEXT),
            (&self.table.name, Type::TEXT),
            (&self.key.what.name, Type::TEXT),
            (&self.key.what.type_name, Type::TEXT),
            (&self.key.when, Type::TEXT),
            (&begin, Type::TIMESTAMPTZ),
            (&end, Type::TIMESTAMPTZ),
            (&self.last, Type::TEXT),
            (&PAGE, Type::INT8),
        ];
        let rows = client.query_typed(include_str!("../sql/values_statement.sql"), &params).await?;
        Ok(first(&rows)?.try_get("statement")?)
    }
}

/// Returns the size after a slice of the size `taken` had `bytes` bytes. A slice that began before
/// the size changed does not change the new size.
fn resize(now: Size, taken: Size, bytes: usize, day: i64) -> Size {
    let smaller = taken.span < now.span || taken.values < now.values;
    if bytes * 2 <= SLICE_BYTES && !smaller {
        if now.span < day {
            Size { span: (now.span * 2).min(day), values: 1 }
        } else {
            Size { span: day, values: (now.values * 2).min(VALUES_MAX) }
        }
    } else if bytes >= SLICE_BYTES * 2 && taken == now {
        if now.values > 1 {
            Size { span: day, values: now.values / 2 }
        } else {
            Size { span: (now.span / 2).max(SPAN_MIN), values: 1 }
        }
    } else {
        now
    }
}

#[cfg(test)]
mod tests {
    use weir_model::time::DAY_MICROS as DAY;

    use super::*;

    #[test]
    fn sizes_follow_what_slices_gave() {
        let size = |span, values| Size { span, values };
        let hour = DAY / 24;
        assert_eq!(resize(size(hour, 1), size(hour, 1), 1000, DAY), size(2 * hour, 1));
        assert_eq!(resize(size(20 * hour, 1), size(20 * hour, 1), 1000, DAY), size(DAY, 1));
        assert_eq!(resize(size(DAY, 1), size(DAY, 1), 1000, DAY), size(DAY, 2));
        assert_eq!(resize(size(DAY, 400), size(DAY, 400), 1000, DAY), size(DAY, VALUES_MAX));
        assert_eq!(resize(size(DAY, 8), size(DAY, 8), 2 * SLICE_BYTES, DAY), size(DAY, 4));
        assert_eq!(resize(size(DAY, 1), size(DAY, 1), 2 * SLICE_BYTES, DAY), size(DAY / 2, 1));
        assert_eq!(
            resize(size(SPAN_MIN, 1), size(SPAN_MIN, 1), 100 * SLICE_BYTES, DAY),
            size(SPAN_MIN, 1)
        );
        assert_eq!(resize(size(hour, 1), size(hour, 1), SLICE_BYTES, DAY), size(hour, 1));
        // The last slice of a day, and the last values, are smaller and do not change the size.
        assert_eq!(resize(size(20 * hour, 1), size(4 * hour, 1), 10, DAY), size(20 * hour, 1));
        assert_eq!(resize(size(DAY, 8), size(DAY, 2), 10, DAY), size(DAY, 8));
    }
}
