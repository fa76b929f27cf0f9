//! Lambda's init phase: the processor is not throttled yet, and no request waits.

use std::{fmt::Display, time::Duration};

/// A database that sleeps must not make the init phase fail: after this time the function starts without.
const CONNECT_SECONDS_MAX: u64 = 3;

/// Waits for the connection, not for long. What goes wrong is for the log: the first invocation tries again.
pub async fn warm_up<E: Display>(connect: impl Future<Output = Result<(), E>>) {
    match tokio::time::timeout(Duration::from_secs(CONNECT_SECONDS_MAX), connect).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "no connection during init; the first invocation tries again"),
        Err(_) => tracing::warn!("no connection during init within {CONNECT_SECONDS_MAX} s; the first invocation tries again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_database_that_never_answers_is_not_waited_for_long() {
        let warm = warm_up(std::future::pending::<Result<(), String>>());
        // Lambda gives the whole phase 10 s.
        tokio::time::timeout(Duration::from_secs(9), warm).await.expect("it starts without");
    }
}
