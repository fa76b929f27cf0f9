//! Guesses whether the keys of series are new.
//!
//! COPY of new keys costs the server half of an upsert, but one existing key rolls the whole batch
//! back. So after a wrong guess some batches are upserted.

use std::sync::atomic::{AtomicU32, Ordering};

/// Batches that are upserted after the first wrong guess. Each further wrong guess doubles the
/// number.
const PAUSE_FIRST: u32 = 8;
/// The largest number of such batches, so that a backlog of repeats has no permanent effect.
const PAUSE_MAX: u32 = 512;

/// The state that invocations of a writer share. Races between them only affect a guess.
#[derive(Debug, Default)]
pub(super) struct CopyHeuristic {
    /// The number of batches that will be upserted.
    pause: AtomicU32,
    /// The length of the last pause.
    last: AtomicU32,
}

impl CopyHeuristic {
    pub(super) fn expects_new_keys(&self) -> bool {
        self.pause
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_err()
    }

    pub(super) fn was_right(&self) {
        self.last.store(0, Ordering::Relaxed);
    }

    pub(super) fn was_wrong(&self) {
        let pause = (self.last.load(Ordering::Relaxed) * 2).clamp(PAUSE_FIRST, PAUSE_MAX);
        self.last.store(pause, Ordering::Relaxed);
        self.pause.store(pause, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_guess_pauses_longer_each_time() {
        let heuristic = CopyHeuristic::default();
        assert!(heuristic.expects_new_keys());
        for pause in [8, 16, 32] {
            heuristic.was_wrong();
            for _ in 0..pause {
                assert!(!heuristic.expects_new_keys());
            }
            assert!(heuristic.expects_new_keys());
        }
        heuristic.was_right();
        heuristic.was_wrong();
        assert_eq!((0..100).filter(|_| !heuristic.expects_new_keys()).count(), 8);
    }
}
