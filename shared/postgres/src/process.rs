//! Sends signals and finds the processes of a data folder. Uses `sh` and `/proc`, because the
//! workspace forbids unsafe code.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(10);

/// The ways to end a postmaster.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Signal {
    /// Rolls back open transactions and shuts down cleanly.
    Fast,
    /// Ends at once; the next start runs recovery.
    Immediate,
    /// Ends without any cleanup.
    Kill,
}

/// Sends a signal. A process that no longer exists is not an error.
pub(crate) fn send(pid: u32, signal: Signal) {
    let name = match signal {
        Signal::Fast => "INT",
        Signal::Immediate => "QUIT",
        Signal::Kill => "KILL",
    };
    // The shell has `kill` as a builtin, even if no package provides the program.
    let sent = Command::new("sh")
        .args(["-c", "kill -s \"$0\" \"$1\"", name, &pid.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if let Err(error) = sent {
        tracing::warn!(pid, %error, "cannot send a signal");
    }
}

/// Waits until `done` returns true, at most `limit`. Returns whether `done` returned true.
pub(crate) fn wait_until(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if done() {
            return true;
        }
        if start.elapsed() >= limit {
            return false;
        }
        thread::sleep(POLL);
    }
}

/// Returns whether this process is a PostgreSQL process on `data_dir`.
///
/// A process id alone is not sufficient: after a reboot another process may have it. A zombie
/// process returns false.
pub(crate) fn serves(pid: u32, data_dir: &Path) -> bool {
    if !Path::new("/proc/self/cwd").exists() {
        return ps_says_so(pid, data_dir);
    }
    // The working directory of every PostgreSQL process is its data folder.
    let process = Path::new("/proc").join(pid.to_string());
    fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == data_dir)
        && fs::read_to_string(process.join("comm")).is_ok_and(|name| name.starts_with("postgres"))
}

fn ps_says_so(pid: u32, data_dir: &Path) -> bool {
    Command::new("ps").args(["-ww", "-o", "command=", "-p", &pid.to_string()]).output().is_ok_and(
        |out| {
            let command = String::from_utf8_lossy(&out.stdout).into_owned();
            command.contains("postgres") && command.contains(&*data_dir.to_string_lossy())
        },
    )
}

/// Returns every PostgreSQL process on `data_dir`; empty on systems without `/proc`.
pub(crate) fn all_serving(data_dir: &Path) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| serves(*pid, data_dir))
        .collect()
}
