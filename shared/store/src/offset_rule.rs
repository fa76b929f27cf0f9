//! The rule that decides which records are new, without a database.
//!
//! All offsets below `next_offset` are settled, except for gaps: ranges that were never delivered.
//! A record is new if its offset is at or above `next_offset` or inside a gap.
//!
//! Three rules were tested against simulated histories, and only this one neither lost nor
//! duplicated records. The rule "new unless stored" stores dropped and discarded rows again. The
//! rule "settled if below" loses records after a bisect.

/// A range of offsets, its end exclusive.
pub type OffsetRange = std::ops::Range<i64>;

/// The known state of a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartitionState {
    /// Every offset below it is settled or in a gap.
    pub next_offset: i64,
    /// Ranges below `next_offset` that were never delivered, ascending. Ranges that the delivery
    /// does not touch may be omitted.
    pub gaps: Vec<OffsetRange>,
}

/// The changes by a delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settlement {
    /// For each delivered offset, whether it is new.
    pub new: Vec<bool>,
    /// The new `next_offset`.
    pub next_offset: i64,
    /// The first offsets of gaps that are removed or changed.
    pub closed: Vec<i64>,
    /// New gaps: the remaining parts of closed ones, and a gap before the delivery.
    pub opened: Vec<OffsetRange>,
}

/// Applies a delivery: `offsets` of one partition, ascending and distinct, at least one.
///
/// The whole range from the first to the last offset counts as delivered, so holes inside
/// (compaction, transaction markers) are not gaps.
pub fn settle(state: &PartitionState, offsets: &[i64]) -> Settlement {
    let first = offsets.first().copied().unwrap_or(state.next_offset);
    let end = offsets.last().map_or(state.next_offset, |last| last + 1);
    settle_read(state, &(first..end), offsets)
}

/// Applies a delivery of a reader that reports the range that it has read.
///
/// The range contains no other records than those of `offsets`. So a hole before or after them
/// (transaction markers, aborted records) is not a gap either.
pub fn settle_read(state: &PartitionState, read: &OffsetRange, offsets: &[i64]) -> Settlement {
    let (first, end) = (read.start, read.end);
    let in_gap = |offset: i64| {
        let after = state.gaps.partition_point(|gap| gap.start <= offset);
        after > 0 && state.gaps[after - 1].contains(&offset)
    };
    let new = offsets.iter().map(|&offset| offset >= state.next_offset || in_gap(offset)).collect();
    let (mut closed, mut opened) = (Vec::new(), Vec::new());
    for gap in state.gaps.iter().filter(|gap| gap.start < end && first < gap.end) {
        closed.push(gap.start);
        opened.extend(
            [gap.start..first, end..gap.end].into_iter().filter(|rest| rest.start < rest.end),
        );
    }
    if first > state.next_offset {
        opened.push(state.next_offset..first);
    }
    Settlement { new, next_offset: state.next_offset.max(end), closed, opened }
}

impl PartitionState {
    /// Returns the state after a settlement.
    #[must_use]
    pub fn after(&self, settlement: &Settlement) -> Self {
        let mut gaps: Vec<OffsetRange> = self
            .gaps
            .iter()
            .filter(|gap| !settlement.closed.contains(&gap.start))
            .cloned()
            .collect();
        gaps.extend(settlement.opened.iter().cloned());
        gaps.sort_by_key(|gap| gap.start);
        Self { next_offset: settlement.next_offset, gaps }
    }
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "a list of ranges is what is meant")]
mod tests {
    use super::*;

    fn state(next_offset: i64, gaps: &[OffsetRange]) -> PartitionState {
        PartitionState { next_offset, gaps: gaps.to_vec() }
    }

    #[test]
    fn the_next_records_are_new() {
        let s = settle(&state(5, &[]), &[5, 6, 7]);
        assert_eq!(
            s,
            Settlement { new: vec![true; 3], next_offset: 8, closed: vec![], opened: vec![] }
        );
    }

    #[test]
    fn what_came_before_is_settled() {
        let s = settle(&state(8, &[]), &[5, 6, 7, 8]);
        assert_eq!(s.new, [false, false, false, true]);
        assert_eq!(s.next_offset, 9);
    }

    #[test]
    fn a_later_half_first_opens_a_gap_that_the_first_half_closes() {
        let before = state(10, &[]);
        let later = settle(&before, &[15, 16]);
        assert_eq!(later.opened, [10..15]);
        let between = before.after(&later);
        assert_eq!(between, state(17, &[10..15]));
        let first = settle(&between, &[10, 11, 12, 13, 14]);
        assert_eq!(first.new, [true; 5]);
        assert_eq!(between.after(&first), state(17, &[]));
    }

    #[test]
    fn a_part_of_a_gap_leaves_the_rest() {
        let s = state(20, &[5..10]);
        let middle = settle(&s, &[7]);
        assert_eq!(s.after(&middle), state(20, &[5..7, 8..10]));
        assert_eq!(middle.new, [true]);
    }

    #[test]
    fn holes_inside_a_delivery_are_no_gaps() {
        let s = state(0, &[]);
        let delivery = settle(&s, &[0, 3, 9]);
        assert_eq!(s.after(&delivery), state(10, &[]));
        assert_eq!(settle(&s.after(&delivery), &[4]).new, [false]);
    }

    #[test]
    fn what_a_reader_passed_over_is_settled() {
        let s = settle_read(&state(5, &[1..2]), &(5..12), &[7, 8]);
        assert_eq!(
            s,
            Settlement { new: vec![true; 2], next_offset: 12, closed: vec![], opened: vec![] }
        );
        let markers = settle_read(&state(5, &[1..2]), &(0..9), &[]);
        assert_eq!(
            markers,
            Settlement { new: vec![], next_offset: 9, closed: vec![1], opened: vec![] }
        );
        assert_eq!(
            settle_read(&state(5, &[]), &(7..9), &[8]).opened,
            [5..7],
            "a reader that begins later leaves a gap all the same"
        );
    }

    #[test]
    fn a_delivery_over_several_gaps_closes_what_it_covers() {
        let s = state(30, &[5..10, 12..14, 20..25]);
        let delivery = settle(&s, &[8, 11, 13, 21]);
        assert_eq!(delivery.new, [true, false, true, true]);
        assert_eq!(s.after(&delivery), state(30, &[5..8, 22..25]));
    }
}
