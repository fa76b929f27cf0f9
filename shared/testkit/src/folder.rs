//! A temporary folder for a server. The folder and the server are removed when the test program
//! ends in any way: statics are never dropped, and a killed program drops nothing.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};

use anyhow::{Context, Result};

/// The free space in KiB that a disk in memory needs to be used. In containers it often has only 64
/// MiB.
const ROOM_KIB_MIN: u64 = 4 << 20;

/// Waits until the pipe from the test program breaks, then stops the server and removes the folder.
/// A process id counts only if the working directory or the command line of its process contains
/// this folder.
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

/// A folder that exists until this value is dropped or the test program ends.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    // Closing the pipe wakes the watchdog.
    _watchdog: ChildStdin,
}

impl Folder {
    /// Creates the folder and its watchdog.
    pub(crate) fn new() -> Result<Self> {
        // Other users may enter the folder: if the tests run as root, the server runs as another
        // user.
        let mut builder = tempfile::Builder::new();
        builder.prefix("weir-test-").permissions(Permissions::from_mode(0o755));
        let in_memory = memory_disk().and_then(|disk| builder.tempdir_in(disk).ok());
        let folder =
            in_memory.map_or_else(|| builder.tempdir(), Ok).context("make a temporary folder")?;
        let path = folder.path().canonicalize()?;
        let mut watchdog = Command::new("sh")
            .args(["-c", WATCHDOG])
            .arg(&path)
            // Ctrl-C ends the tests but not the watchdog, which cleans up after them.
            .process_group(0)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("start the watchdog")?;
        let stdin = watchdog.stdin.take().context("the watchdog's pipe")?;
        // From here on the watchdog removes the folder.
        let _ = folder.keep();
        Ok(Self { path, _watchdog: stdin })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of the server's data, which the watchdog's script contains too.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.path.join("postgres")
    }
}

/// Returns a disk in memory with space for the tests' databases. A clone has about 300 small files,
/// which take a quarter of a second on many disks.
fn memory_disk() -> Option<&'static str> {
    let disk = "/dev/shm";
    let out = Command::new("df").args(["-kP", disk]).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(out.stdout).ok()?;
    let free_kib: u64 = text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    (free_kib >= ROOM_KIB_MIN).then_some(disk)
}
