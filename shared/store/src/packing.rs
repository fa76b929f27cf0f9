//! Packs the log's closed hours: narrow rows become packed rows, which need a fraction of the disk.

use std::time::Duration;

use tokio::time::Instant;
use weir_model::Micros;

use crate::{Store, StoreError, log::pack};

/// The wait for the lock of a partition. Packing gives way to batches, which hold the lock for some
/// milliseconds.
const LOCK_WAIT: Duration = Duration::from_millis(20);
/// The tries to get the lock of a partition before the run ends. The next run goes on.
const LOCK_TRIES: u32 = 250;

/// The result of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Packed {
    /// The records that are in packed rows now.
    pub records: u64,
    /// The hours that are finished.
    pub hours: u64,
    /// Whether closed hours are left, because the time was over or a partition stayed locked.
    pub left: bool,
}

/// Packs the closed hours that are not packed yet, the oldest first, until `deadline`.
///
/// An hour (UTC) is closed five minutes after its end. Each transaction packs a small part of a
/// partition and hour, so that batches wait for a short time only. Two runs at the same time do no
/// harm.
pub async fn pack_closed_hours(store: &Store, deadline: Instant) -> Result<Packed, StoreError> {
    let mut packed = Packed::default();
    let connection = store.connect().await?;
    while let Some(hour) = pack::next_hour(&connection).await? {
        for place in pack::places(&connection, hour).await? {
            match pack_place(store, hour, place, deadline).await? {
                Some(records) => packed.records += records,
                None => return Ok(Packed { left: true, ..packed }),
            }
        }
        pack::finish_hour(&connection, hour).await?;
        packed.hours += 1;
        if Instant::now() >= deadline {
            return Ok(Packed { left: true, ..packed });
        }
    }
    Ok(packed)
}

/// Packs the records of a partition and an hour. Returns their number, or `None` if there was no
/// time or no lock for all of them.
async fn pack_place(
    store: &Store,
    hour: Micros,
    place: pack::Place,
    deadline: Instant,
) -> Result<Option<u64>, StoreError> {
    let mut records = 0;
    let mut after = place.after;
    let mut tries = 0;
    loop {
        if Instant::now() >= deadline {
            return Ok(None);
        }
        let at = pack::Place { after, ..place };
        let part = store
            .transaction("pack", |tx| async move {
                if pack::lock(&tx, at).await? {
                    pack::part(&tx, at, hour).await.map(Some)
                } else {
                    Ok(None)
                }
            })
            .await?;
        match part {
            Some(part) => {
                records += part.records;
                match part.next_after {
                    Some(next) => (after, tries) = (next, 0),
                    None => return Ok(Some(records)),
                }
            }
            None if tries >= LOCK_TRIES => return Ok(None),
            None => {
                tries += 1;
                tokio::time::sleep(LOCK_WAIT).await;
            }
        }
    }
}
