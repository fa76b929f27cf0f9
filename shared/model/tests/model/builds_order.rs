//! Tests which event of a build becomes its row: a reaped build stays reaped, a newer event wins,
//! and the order of arrival does not matter.

use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;
use weir_model::{Chosen, Rows};

use crate::{
    builds_columns::message,
    support::{chosen, is_event, param, record, rows},
};

fn add(rows: &mut dyn Rows<'static>, id: u8, reaped: bool, updated_ms: i64, status: usize) {
    let id = format!("00000000-0000-4000-8000-0000000000{id:02x}");
    let members =
        json!({"id": id, "reaped": reaped, "updatedAt": updated_ms, "status": status.to_string()});
    let value: &'static str = Box::leak(message(&members).into_boxed_str());
    assert!(is_event(&rows.decode(&record("topic", None), value)));
}

/// Returns the statuses of the picked rows, in the order of their ids.
fn statuses(rows: &dyn Rows<'static>, chosen: &[Chosen]) -> Vec<String> {
    let statements = rows.upsert(chosen);
    assert_eq!(statements.len(), 1);
    let ids: Vec<Uuid> = param(&statements[0], 1);
    assert!(ids.is_sorted_by(|a, b| a < b), "sorted, each once: two writers never deadlock");
    assert_eq!(statements[0].rows, ids.len());
    assert_eq!(statements[0].params.len(), weir_model::builds::LISTING.columns.len() + 4);
    param(&statements[0], 20)
}

#[test]
fn reaped_beats_newer_and_then_time_timestamp_partition_offset_decide() {
    // Each pair is (loser, winner). The fields are (reaped, updated, record timestamp, partition,
    // offset).
    let pairs = [
        ((false, 9, 9, 9, 9), (true, 1, 1, 1, 1)),
        ((false, 1, 9, 9, 9), (false, 2, 1, 1, 1)),
        ((true, 1, 9, 9, 9), (true, 2, 1, 1, 1)),
        ((false, 1, 1, 9, 9), (false, 1, 2, 1, 1)),
        ((false, 1, 1, 1, 9), (false, 1, 1, 2, 1)),
        ((false, 1, 1, 1, 1), (false, 1, 1, 1, 2)),
    ];
    for (loser, winner) in pairs {
        for flipped in [false, true] {
            let mut rows = rows("builds");
            let all = if flipped { [winner, loser] } else { [loser, winner] };
            let mut places = Vec::new();
            for (row, (reaped, updated, timestamp, partition, offset)) in
                all.into_iter().enumerate()
            {
                add(
                    rows.as_mut(),
                    1,
                    reaped,
                    updated,
                    usize::from((reaped, updated, timestamp, partition, offset) == winner),
                );
                places.push(chosen(u32::try_from(row).unwrap(), timestamp, partition, offset));
            }
            assert_eq!(statuses(rows.as_ref(), &places), ["1"], "{winner:?} beats {loser:?}");
        }
    }
}

#[test]
fn an_earlier_stream_loses_where_the_rest_is_equal() {
    let mut rows = rows("builds");
    add(rows.as_mut(), 1, false, 1, 0);
    add(rows.as_mut(), 1, false, 1, 1);
    let (mut older, mut newer) = (chosen(0, 5, 9, 9), chosen(1, 5, 0, 0));
    (older.at.stream, newer.at.stream) = (1, 2);
    assert_eq!(statuses(rows.as_ref(), &[newer, older]), ["1"]);
}

proptest! {
    #[test]
    fn the_order_of_arrival_never_changes_the_result(
        events in proptest::collection::vec((0..3_u8, any::<bool>(), 0..3_i64, 0..3_i64, 0..2_i32), 1..12),
        shuffled in any::<u64>(),
    ) {
        let mut rows = rows("builds");
        let mut places = Vec::new();
        for (n, &(id, reaped, updated, timestamp, partition)) in events.iter().enumerate() {
            add(rows.as_mut(), id, reaped, updated, n);
            places.push(chosen(u32::try_from(n).unwrap(), timestamp, partition, i64::try_from(n).unwrap()));
        }
        let straight = statuses(rows.as_ref(), &places);
        let mut order = places.clone();
        order.sort_by_key(|c| (u64::from(c.row) + 1).wrapping_mul(shuffled | 1).rotate_left(17));
        prop_assert_eq!(&statuses(rows.as_ref(), &order), &straight);
        // With two batches, the winner among the two batches' winners is the winner of all.
        let (first, second) = order.split_at(order.len() / 2);
        let kept: Vec<Chosen> = [first, second].iter().filter(|half| !half.is_empty()).flat_map(|half| {
            let winners = statuses(rows.as_ref(), half);
            places.iter().filter(move |c| winners.contains(&c.row.to_string())).copied().collect::<Vec<_>>()
        }).collect();
        prop_assert_eq!(statuses(rows.as_ref(), &kept), straight);
    }
}
