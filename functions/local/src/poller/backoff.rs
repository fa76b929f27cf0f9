//! Growing pauses between retries.

use std::time::Duration;

/// The pause after the first failure.
const PAUSE_FIRST: Duration = Duration::from_millis(200);

/// The longest pause: the end of an outage is noticed within this time.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// The longest pause of a topic that is set aside. Each retry of such a topic delays the other
/// topics of its worker.
const TOPIC_PAUSE_MAX: Duration = Duration::from_mins(1);

/// Returns the pause after `failures` failures in a row, from 1.
pub(super) fn pause(failures: u32) -> Duration {
    PAUSE_MAX.min(doubled(failures))
}

/// Returns the pause of one topic after `failures` failures in a row, from 1.
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
