//! What is done every day: the log's months are made ahead.

use std::time::Duration;

use weir_store::{Store, migrate};

const DAY: Duration = Duration::from_hours(24);

/// Runs until it is dropped. The first time comes a day after the start, which made the months itself.
pub(super) async fn run(store: Store) {
    loop {
        tokio::time::sleep(DAY).await;
        match migrate::make_months(&store, migrate::MONTHS_AHEAD).await {
            Ok(made) => tracing::info!(made, "the log's months are made ahead"),
            Err(error) => tracing::error!(%error, "the log's months were not made ahead: run `weir migrate`"),
        }
    }
}
