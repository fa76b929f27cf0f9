//! A folder for one `weir`, gone with the test, and so is a PostgreSQL that was left over in it.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use tokio_postgres::{Client, NoTls};

/// How long a left-over server may take to end.
const LEFTOVER_LIMIT: Duration = Duration::from_secs(10);

/// A new data folder.
pub(crate) struct Folder {
    dir: tempfile::TempDir,
}

impl Folder {
    /// Makes the folder above it, which other users may enter: as root the server runs as another
    /// one.
    pub(crate) fn new() -> Result<Self> {
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix("weir-program-").permissions(Permissions::from_mode(0o755));
        let in_memory = builder.tempdir_in("/dev/shm");
        Ok(Self { dir: in_memory.or_else(|_| builder.tempdir())? })
    }

    /// The folder above, for files of the test.
    pub(crate) fn above(&self) -> &Path {
        self.dir.path()
    }

    /// What `--data-dir` gets.
    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// The same as text.
    pub(crate) fn arg(&self) -> String {
        self.data().display().to_string()
    }

    /// The running embedded database.
    pub(crate) async fn sql(&self) -> Result<Client> {
        let url = fs::read_to_string(self.data().join("database-url"))
            .context("weir is not running here")?;
        connect(url.trim()).await
    }

    /// The process id of a PostgreSQL that runs here.
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

/// A connection, served by the caller's runtime.
pub(crate) async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Sends a signal through the shell, whose `kill` is there everywhere.
pub(crate) fn signal(pid: u32, name: &str) {
    let _ = Command::new("sh")
        .args(["-c", "kill -s \"$0\" \"$1\" 2>/dev/null", name, &pid.to_string()])
        .status();
}
