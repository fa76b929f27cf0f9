//! Requests to the broker other than polling.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;

use super::{super::offset_lookup, Worker};

/// How often jumps in the offsets are compared with the broker: compacted topics jump all the time.
const JUMPS_EVERY: Duration = Duration::from_secs(1);

/// How often a commit that failed is tried again; until then no further batch is dispatched.
const COMMIT_RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// How often a broker that is away is asked whether it is back.
const PROBE_AWAY_EVERY: Duration = Duration::from_secs(1);

/// The same for one that answers: librdkafka does not always say when the last connection is lost.
const PROBE_EVERY: Duration = Duration::from_secs(5);

/// How long the answer may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

impl Worker {
    /// Sends what is due: a probe whether the broker answers, the question which jumps are losses,
    /// and a commit that failed before.
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

    /// Compares the jumps seen so far with what the broker still has; a loss is reported, and
    /// remembered as a cut.
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
