//! Growing pauses between tries.

use std::time::Duration;

/// Pause after the first failure.
const PAUSE_FIRST: Duration = Duration::from_millis(200);

/// Longest pause: an outage's end is noticed within this time.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// The same for a topic that fails by itself, which costs the other topics of its worker a moment
/// each time.
const TOPIC_PAUSE_MAX: Duration = Duration::from_mins(1);

/// The pause after `failures` failures in a row, from 1.
pub(super) fn pause(failures: u32) -> Duration {
    PAUSE_MAX.min(doubled(failures))
}

/// The pause of one topic after its `failures` failures in a row, from 1.
pub(super) fn topic_pause(failures: u32) -> Duration {
    TOPIC_PAUSE_MAX.min(doubled(failures))
}

fn doubled(failures: u32) -> Duration {
    PAUSE_FIRST * (1 << failures.saturating_sub(1).min(10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_longest() {
        let pauses: Vec<u128> = (1..=8).map(|n| pause(n).as_millis()).collect();
        assert_eq!(pauses, [200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
        assert_eq!(
            (
                pause(u32::MAX).as_secs(),
                topic_pause(9).as_millis(),
                topic_pause(u32::MAX).as_secs()
            ),
            (10, 51_200, 60)
        );
    }
}
