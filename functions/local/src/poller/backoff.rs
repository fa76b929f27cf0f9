//! Growing pauses between tries.

use std::time::Duration;

/// Pause after the first failure.
const PAUSE_FIRST: Duration = Duration::from_millis(200);

/// Longest pause: an outage's end is noticed within this time.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// The pause after `failures` failures in a row, from 1.
pub(super) fn pause(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(10);
    PAUSE_MAX.min(PAUSE_FIRST * (1 << doublings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_ten_seconds() {
        let pauses: Vec<u128> = (1..=8).map(|n| pause(n).as_millis()).collect();
        assert_eq!(pauses, [200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
        assert_eq!(pause(u32::MAX).as_secs(), 10);
    }
}
