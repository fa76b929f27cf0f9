//! Questions to the broker beside polling.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;

use super::{super::lookup, Lane};

/// How often jumps in the offsets are held against the broker: compacted topics jump all the time.
const JUMPS_EVERY: Duration = Duration::from_secs(1);

/// How often a commit that failed is tried again; until then no further batch is handed over.
const COMMIT_RETRY_EVERY: Duration = Duration::from_millis(500);

/// How often a broker that is away is asked whether it is back.
const PROBE_AWAY_EVERY: Duration = Duration::from_secs(1);

/// The same for one that answers: librdkafka does not always say when the last connection is lost.
const PROBE_EVERY: Duration = Duration::from_secs(5);

/// How long the answer may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

impl Lane {
    /// Questions beside polling, each at most once in a while: is the broker back, are jumps losses, does it take
    /// the commit now.
    pub(super) fn ask_the_broker(&mut self) {
        let due = |last: Instant, every| last.elapsed() >= every;
        let probe_every = if self.shared.is_connected() { PROBE_EVERY } else { PROBE_AWAY_EVERY };
        let is_stopping = self.shared.is_stopping();
        if !is_stopping && self.probed.is_none_or(|at| due(at, probe_every)) {
            self.probed = Some(Instant::now());
            let answer = self.consumer.fetch_metadata(Some(&self.probe), PROBE_TIMEOUT);
            self.shared.set_connected(answer.is_ok());
        }
        if !self.shared.is_connected() {
            return;
        }
        if due(self.jumps_asked, JUMPS_EVERY) {
            self.settle_jumps();
        }
        if due(self.commit_tried, COMMIT_RETRY_EVERY) {
            self.commit();
        }
    }

    /// Holds the jumps seen so far against what the broker still has; what is lost is told, and remembered as a cut.
    pub(super) fn settle_jumps(&mut self) {
        for at in self.tracker.jumped() {
            if let Ok(low) = lookup::low(&self.consumer, &at) {
                for range in self.tracker.settle(&at, low) {
                    self.shared.lost(&range);
                    self.cuts.push((at.clone(), range.end));
                }
            }
            self.jumps_asked = Instant::now();
        }
    }
}
