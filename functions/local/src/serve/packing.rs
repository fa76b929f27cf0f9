//! The hourly job: packs the log's closed hours.

use std::time::Duration;

use tokio::time::Instant;
use weir_store::{Store, packing::pack_closed_hours};

/// The interval of the job. An hour is packed within this time after it is closed.
const EVERY: Duration = Duration::from_mins(5);
/// The time limit of a run.
const RUN_TIME: Duration = Duration::from_mins(4);

/// Runs the job until it is dropped.
pub(super) async fn run(store: Store) {
    loop {
        tokio::time::sleep(EVERY).await;
        match pack_closed_hours(&store, Instant::now() + RUN_TIME).await {
            Ok(packed) if packed.records > 0 => {
                tracing::info!(packed.records, packed.hours, "packed closed hours of the log");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "cannot pack closed hours of the log; the next \
                run tries again"),
        }
    }
}
