//! Requests to the broker other than polling.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;

use super::{super::offset_lookup, Worker};

/// The interval in which jumps of the offsets are compared with the broker. Compacted topics have
/// many jumps.
const JUMPS_EVERY: Duration = Duration::from_secs(1);

/// The interval in which a failed commit is retried. Until it succeeds, no further batch is
/// dispatched.
const COMMIT_RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// The interval of probes while the broker is away.
const PROBE_AWAY_EVERY: Duration = Duration::from_secs(1);

/// The interval of probes while the broker answers. librdkafka does not always report that the last
/// connection was lost.
const PROBE_EVERY: Duration = Duration::from_secs(5);

/// The timeout of a probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

impl Worker {
    /// Sends the requests that are due: a probe of the broker, the check of jumps for losses, and
    /// the retry of a failed commit.
    pub(super) fn check_broker(&mut self) {
        let due = |last: Instant, every| last.elapsed() >= every;
        let probe_every = if self.shared.is_connected() { PROBE_EVERY } else { PROBE_AWAY_EVERY };
        let is_stopping = self.shared.is_stopping();
        if !is_stopping && self.probed.is_none_or(|at| due(at, probe_every)) {
            self.probed = Some(Instant::now());
            let answer = self.consumer.fetch_metadata(Some(&self.limits.probe), PROBE_TIMEOUT);
            self.shared.set_connected(answer.is_ok());
        }
        if !self.shared.is_connected() {
            return;
        }
        if self.unreadable.is_due() {
            let places =
                self.assigned.iter().filter_map(|at| Some((at.clone(), self.tracker.next(at)?)));
            let places = places.collect();
            self.unreadable.ask(places);
        }
        if due(self.jumps_checked, JUMPS_EVERY) {
            self.settle_jumps();
        }
        if due(self.commit_tried, COMMIT_RETRY_INTERVAL) {
            self.commit();
        }
    }

    /// Compares the jumps with the broker's first offsets. A loss is reported, and kept as a cut
    /// for the next batches.
    pub(super) fn settle_jumps(&mut self) {
        for at in self.tracker.jumped() {
            if let Ok(low) = offset_lookup::low(&self.consumer, &at) {
                for range in self.tracker.settle(&at, low) {
                    self.shared.lost(&range);
                    self.cuts.push((at.clone(), range.end));
                }
            }
            self.jumps_checked = Instant::now();
        }
    }
}
