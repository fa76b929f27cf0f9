//! The steps that every upsert shares: keep the newest row of each key, sort by key, and bind
//! column by column.

use std::cmp::Ordering;

use postgres_types::Type;

use crate::{Chosen, Position, Statement};

/// Sorts rows by key, the newest first within a key, and keeps the newest row of each key.
///
/// `key` compares the keys of two rows. `rank` compares the model's own rank and time. If both are
/// equal, the record's [`Position`] decides, so the result never depends on the order of arrival.
pub fn newest_by_key<'r, R>(
    rows: &'r [R],
    chosen: &[Chosen],
    key: impl Fn(&R, &R) -> Ordering,
    rank: impl Fn(&R, &R) -> Ordering,
) -> Vec<(&'r R, Position)> {
    let mut picked: Vec<(&R, Position)> =
        chosen.iter().filter_map(|c| Some((rows.get(c.row as usize)?, c.at))).collect();
    picked.sort_unstable_by(|(a, at_a), (b, at_b)| {
        key(a, b).then_with(|| rank(b, a)).then_with(|| at_b.cmp(at_a))
    });
    picked.dedup_by(|(later, _), (kept, _)| key(later, kept) == Ordering::Equal);
    picked
}

/// Returns one column of the picked rows.
pub fn column<'r, R, T>(picked: &[(&'r R, Position)], of: impl Fn(&'r R) -> T) -> Vec<T> {
    picked.iter().map(|(row, _)| of(row)).collect()
}

/// Binds the four columns of the position: record timestamp, stream, partition, offset.
#[must_use]
pub fn bind_positions<'s, R>(statement: Statement<'s>, picked: &[(&R, Position)]) -> Statement<'s> {
    fn of<R, T>(picked: &[(&R, Position)], of: impl Fn(&Position) -> T) -> Vec<T> {
        picked.iter().map(|(_, at)| of(at)).collect()
    }
    statement
        .bind(of(picked, |p| p.timestamp_ms), Type::INT8_ARRAY)
        .bind(of(picked, |p| p.stream), Type::INT4_ARRAY)
        .bind(of(picked, |p| p.partition), Type::INT4_ARRAY)
        .bind(of(picked, |p| p.offset), Type::INT8_ARRAY)
}
