//! A temporary folder for a server, removed with the server when the test program ends, however
//! it ends: statics are never dropped, and a killed program drops nothing.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};

use anyhow::{Context, Result};

/// Room that a disk in memory must have to be used; in containers it is often only 64 MiB large.
const ROOM_KIB_MIN: u64 = 4 << 20;

/// Waits until the pipe from the test program breaks, then cleans up. The process id is only
/// believed when that process works in our folder.
const WATCHDOG: &str = r#"
trap '' HUP INT TERM
cat >/dev/null
pid=$(head -n 1 "$0/postgres/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ]; then
    case "$(readlink "/proc/$pid/cwd" 2>/dev/null || ps -ww -o command= -p "$pid" 2>/dev/null)" in
    *"$0"*)
        kill -QUIT "$pid"
        tries=0
        while kill -0 "$pid" 2>/dev/null && [ $tries -lt 100 ]; do
            sleep 0.1
            tries=$((tries + 1))
        done
        kill -KILL "$pid"
        ;;
    esac
fi
rm -rf "$0"
"#;

/// A folder that lives as long as this value or the test program, whichever ends first.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    // Its closing is what wakes the watchdog.
    _watchdog: ChildStdin,
}

impl Folder {
    /// Makes the folder and its watchdog.
    pub(crate) fn new() -> Result<Self> {
        // Open to others: as root the server runs as another user, who has to get in.
        let mut builder = tempfile::Builder::new();
        builder.prefix("weir-test-").permissions(Permissions::from_mode(0o755));
        let in_memory = memory_disk().and_then(|disk| builder.tempdir_in(disk).ok());
        let folder =
            in_memory.map_or_else(|| builder.tempdir(), Ok).context("make a temporary folder")?;
        let path = folder.path().canonicalize()?;
        let mut watchdog = Command::new("sh")
            .args(["-c", WATCHDOG])
            .arg(&path)
            // Ctrl-C ends the tests and not the one who cleans up after them.
            .process_group(0)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("start the watchdog")?;
        let stdin = watchdog.stdin.take().context("the watchdog's pipe")?;
        // From here on the watchdog removes it.
        let _ = folder.keep();
        Ok(Self { path, _watchdog: stdin })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the server's data goes; the watchdog knows it.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.path.join("postgres")
    }
}

/// A disk in memory with room for the tests' databases: a clone is some 300 small files, and many
/// disks take a quarter of a second for that.
fn memory_disk() -> Option<&'static str> {
    let disk = "/dev/shm";
    let out = Command::new("df").args(["-kP", disk]).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(out.stdout).ok()?;
    let free_kib: u64 = text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    (free_kib >= ROOM_KIB_MIN).then_some(disk)
}
