//! Lambda's init phase: the CPU is not throttled yet, and no request waits.

use std::{fmt::Display, time::Duration};

/// A paused database must not make the init phase fail. After this time the function starts without
/// a connection.
const CONNECT_SECONDS_MAX: u64 = 3;

/// Waits for `connect`, but at most 3 s.
///
/// An error or a timeout is logged, and the first invocation connects again. Only a permanent error
/// is returned: an error for which `stays` returns true.
pub async fn warm_up<E: Display>(
    connect: impl Future<Output = Result<(), E>>,
    stays: impl FnOnce(&E) -> bool,
) -> Result<(), E> {
    match tokio::time::timeout(Duration::from_secs(CONNECT_SECONDS_MAX), connect).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) if stays(&error) => return Err(error),
        Ok(Err(error)) => {
            tracing::warn!(%error, "no connection to the database during init; the first \
                invocation tries it again");
        }
        Err(_) => tracing::warn!(
            "no connection to the database within {CONNECT_SECONDS_MAX} s of init; the first \
                invocation tries it again"
        ),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_database_that_never_answers_is_not_waited_for_long() {
        let warm = warm_up(std::future::pending::<Result<(), String>>(), |_| true);
        // Lambda limits the whole init phase to 10 s.
        tokio::time::timeout(Duration::from_secs(9), warm)
            .await
            .expect("in time")
            .expect("it starts without");
    }

    #[tokio::test]
    async fn only_what_stays_keeps_it_from_starting() {
        for stays in [true, false] {
            assert_eq!(warm_up(async { Err("wrong") }, |_| stays).await.is_err(), stays);
        }
    }
}
