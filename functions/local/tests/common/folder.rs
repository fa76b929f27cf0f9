//! A folder for one `weir`. On drop it is removed, and a PostgreSQL that still runs in it is ended.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use tokio_postgres::{Client, NoTls};

/// The longest time for a left-over server to end.
const LEFTOVER_LIMIT: Duration = Duration::from_secs(10);

pub(crate) struct Folder {
    dir: tempfile::TempDir,
}

impl Folder {
    /// Creates the folder. Other users may enter its parent: when the test runs as root, the server
    /// runs as another user.
    pub(crate) fn new() -> Result<Self> {
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix("weir-program-").permissions(Permissions::from_mode(0o755));
        let in_memory = builder.tempdir_in("/dev/shm");
        Ok(Self { dir: in_memory.or_else(|_| builder.tempdir())? })
    }

    /// Returns the parent folder, for files of the test.
    pub(crate) fn above(&self) -> &Path {
        self.dir.path()
    }

    /// Returns the path for `--data-dir`.
    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Returns the path for `--data-dir` as text.
    pub(crate) fn arg(&self) -> String {
        self.data().display().to_string()
    }

    /// Connects to the running embedded database.
    pub(crate) async fn sql(&self) -> Result<Client> {
        let url = fs::read_to_string(self.data().join("database-url"))
            .context("weir is not running here")?;
        connect(url.trim()).await
    }

    /// Returns the process id of the PostgreSQL that runs in this folder.
    pub(crate) fn postgres(&self) -> Option<u32> {
        let data = self.data().join("postgres");
        let pid = fs::read_to_string(data.join("postmaster.pid"))
            .ok()?
            .lines()
            .next()?
            .trim()
            .parse()
            .ok()?;
        let works_in = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
        (works_in == data.canonicalize().ok()?).then_some(pid)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let begun = Instant::now();
        while let Some(pid) = self.postgres().filter(|_| begun.elapsed() < LEFTOVER_LIMIT) {
            signal(pid, "QUIT");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Opens a connection, which a task of the current runtime serves.
pub(crate) async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Sends a signal through the shell, whose `kill` exists on every system.
pub(crate) fn signal(pid: u32, name: &str) {
    let _ = Command::new("sh")
        .args(["-c", "kill -s \"$0\" \"$1\" 2>/dev/null", name, &pid.to_string()])
        .status();
}
