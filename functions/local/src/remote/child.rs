//! Runs a command as a child process. So its output, its exit status, its panics and its memory are
//! those of `weir`, and it can be stopped at any time.

use std::{
    io,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    time::{interval, timeout},
};

use super::protocol::OUTPUT_BYTES_MAX;
use crate::part::{self, Given, Left};

/// The time between two looks at the progress.
const LOOK: Duration = Duration::from_secs(1);

/// The end of a child process.
pub(super) struct Ended {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// `None` if the command was stopped, or ended by a signal.
    pub status: Option<u8>,
    /// Whether the time was over.
    pub is_late: bool,
    pub left: Option<Left>,
}

/// The variable by which Lambda's runtime finds the events of the function. The child does not get
/// it, so it is the program `weir`.
pub(super) const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// Runs `weir` with these arguments, and reports each change of its progress. Stops it after
/// `limit`.
pub(super) async fn run(
    arguments: &[String],
    given: &Given,
    limit: Duration,
    heard: impl AsyncFnMut(String),
) -> io::Result<Ended> {
    // It is also the working directory, because the folder of the function is read-only.
    let folder = TempDir::new()?;
    part::give(folder.path(), given)?;
    let mut child = Command::new(std::env::current_exe()?)
        .args(arguments)
        .env_remove(RUNTIME_API)
        // The settings of a person, not of the function.
        .env_remove("WEIR_AWS")
        .env_remove("WEIR_CONFIG")
        .env(part::FOLDER, folder.path())
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let work = async {
        let watched = watch(&mut child, folder.path(), heard);
        let (status, ..) = tokio::join!(watched, read(out, &mut stdout), read(err, &mut stderr));
        status
    };
    let ended = timeout(limit, work).await;
    let Ok(status) = ended else {
        // The database rolls back an open transaction when the connection closes.
        child.kill().await?;
        return Ok(Ended { stdout, stderr, status: None, is_late: true, left: None });
    };
    let status = status?.code().and_then(|code| u8::try_from(code).ok());
    Ok(Ended { stdout, stderr, status, is_late: false, left: part::take(folder.path())? })
}

/// Waits for the end of the child, and reports each change of its progress.
async fn watch(
    child: &mut Child,
    folder: &Path,
    mut heard: impl AsyncFnMut(String),
) -> io::Result<ExitStatus> {
    let mut looks = interval(LOOK);
    let mut last = None;
    loop {
        tokio::select! {
            status = child.wait() => return status,
            _ = looks.tick() => {}
        }
        let progress = part::progress(folder);
        if progress != last {
            last.clone_from(&progress);
            heard(progress.unwrap_or_default()).await;
        }
    }
}

/// Reads a stream to its end, and keeps as much as the answer can have.
async fn read(stream: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut stream) = stream else { return };
    let mut bytes = vec![0; 64 * 1024];
    // The end of the child ends the stream, whatever the error is.
    while let Ok(length @ 1..) = stream.read(&mut bytes).await {
        let room = (OUTPUT_BYTES_MAX + 1).saturating_sub(kept.len());
        kept.extend_from_slice(&bytes[..length.min(room)]);
    }
}
