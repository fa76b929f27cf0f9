//! Waits for a condition whose duration is not known.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

const POLL: Duration = Duration::from_millis(10);

/// The time limit of a wait in tests. It is long because a machine may be busy; only a failing test
/// waits that long.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Calls `attempt` repeatedly until it returns a value, and returns the value.
///
/// # Errors
/// When `attempt` returned no value within `limit`.
pub async fn eventually<T>(
    limit: Duration,
    mut attempt: impl AsyncFnMut() -> Option<T>,
) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = attempt().await {
            return Ok(value);
        }
        if start.elapsed() >= limit {
            bail!("did not come about within {limit:?}");
        }
        tokio::time::sleep(POLL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, eventually};

    #[tokio::test]
    async fn it_waits_for_the_third_attempt_and_not_forever() {
        let mut tries = 0;
        let third = eventually(Duration::from_secs(5), async || {
            tries += 1;
            (tries == 3).then_some(tries)
        });
        assert_eq!(third.await.expect("comes"), 3);
        let never = eventually(Duration::from_millis(20), async || None::<()>).await;
        assert!(never.is_err());
    }
}
