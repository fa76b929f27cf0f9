//! Stops a server that outlived its program, for example after `kill -9`, before a new server
//! starts. The caller must have the lock on the data folder, so that no other program uses that
//! server.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::Error;
use crate::process::{self, Signal};

const LIMIT: Duration = Duration::from_secs(15);

/// Stops a running postmaster of `data_dir`: first fast, then immediately, then with `kill -9`.
pub(crate) fn stop(data_dir: &Path) -> Result<(), Error> {
    if let Some(pid) = postmaster(data_dir) {
        tracing::warn!(pid, "stopping a PostgreSQL server that an earlier weir left running");
        let gone = [Signal::Fast, Signal::Immediate, Signal::Kill].into_iter().any(|signal| {
            process::send(pid, signal);
            process::wait_until(LIMIT, || !process::serves(pid, data_dir))
        });
        if !gone {
            return Err(Error::Stop { pid });
        }
    }
    end_orphans(data_dir);
    Ok(())
}

/// Ends backends whose postmaster is dead. A busy backend keeps the shared memory, and the next
/// postmaster refuses to start until the backend ends.
pub(crate) fn end_orphans(data_dir: &Path) {
    let orphans = || process::all_serving(data_dir);
    // Most backends notice the death of the postmaster and end within a moment.
    if process::wait_until(Duration::from_millis(200), || orphans().is_empty()) {
        return;
    }
    for pid in orphans() {
        process::send(pid, Signal::Kill);
    }
    process::wait_until(LIMIT, || orphans().is_empty());
}

/// Returns the process id in `postmaster.pid` if that postmaster runs.
fn postmaster(data_dir: &Path) -> Option<u32> {
    let text = fs::read_to_string(data_dir.join("postmaster.pid")).ok()?;
    let pid = text.lines().next()?.trim().parse().ok()?;
    process::serves(pid, data_dir).then_some(pid)
}
