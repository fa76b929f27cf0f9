//! The part of a command that one invocation of the function `admin` runs.
//!
//! Lambda ends each invocation after 15 minutes. So a long command stops between two of its steps
//! and returns its state, and the next invocation goes on from there. The function starts the
//! command as a child process, and both use the files of a folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Duration,
};

use indicatif::{ProgressDrawTarget, TermLike};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::Instant;

use crate::Exit;

/// The variable with the folder.
pub(crate) const FOLDER: &str = "WEIR_ADMIN_PART";
const GIVEN: &str = "given.json";
const LEFT: &str = "left.json";
const PROGRESS: &str = "progress";
/// Drawings of the progress in a second.
const DRAWN_PER_SECOND: u8 = 2;
/// The width of the progress.
const COLUMNS: u16 = 100;

/// What the function gives to the command.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Given {
    /// The time after which no further step begins.
    pub part: Duration,
    /// The time after which the function stops the command.
    pub limit: Duration,
    /// The state at the end of the part before; null for the first part.
    pub state: Value,
}

/// What the command returns besides its output and its exit status.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Left {
    /// The command goes on with this state.
    State(Value),
    /// The command needs a confirmation, and has changed nothing.
    Question,
}

struct Part {
    folder: PathBuf,
    state: Value,
    ends: Instant,
    limit: Instant,
}

static PART: OnceLock<Part> = OnceLock::new();

/// Reads the part from the folder that the environment names. Without one, a command runs as a
/// whole.
#[expect(clippy::disallowed_methods, reason = "this code reads the environment")]
pub(crate) fn begin() -> Result<(), Exit> {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return Ok(()) };
    let cannot = |error: &dyn std::fmt::Display| {
        Exit::failed(format!("cannot read {GIVEN} of {FOLDER}: {error}"))
    };
    let text = fs::read(folder.join(GIVEN)).map_err(|error| cannot(&error))?;
    let Given { part, limit, state } =
        serde_json::from_slice(&text).map_err(|error| cannot(&error))?;
    let now = Instant::now();
    // `begin` is called once.
    let _ = PART.set(Part { folder, state, ends: now + part, limit: now + limit });
    Ok(())
}

/// Returns whether the command runs in parts.
pub(crate) fn is_one() -> bool {
    PART.get().is_some()
}

/// Returns the state of the part before; `None` in the first part.
pub(crate) fn state<S: DeserializeOwned>() -> Result<Option<S>, Exit> {
    let Some(part) = PART.get().filter(|part| !part.state.is_null()) else { return Ok(None) };
    let state = serde_json::from_value(part.state.clone());
    state.map(Some).map_err(|_| {
        Exit::failed("the state of the command is not the one of this version: run it again")
    })
}

/// Returns the time after which the next step belongs to the next part.
pub(crate) fn ends() -> Option<Instant> {
    PART.get().map(|part| part.ends)
}

/// Returns whether the next step belongs to the next part.
pub(crate) fn is_over() -> bool {
    ends().is_some_and(|ends| Instant::now() >= ends)
}

/// Returns the time at which the function stops the command.
pub(crate) fn limit() -> Option<Instant> {
    PART.get().map(|part| part.limit)
}

/// Ends this part. The next one begins with `state`.
pub(crate) fn go_on(state: &impl Serialize) -> Exit {
    match serde_json::to_value(state) {
        Ok(state) => leave(&Left::State(state)),
        Err(error) => Exit::failed(error),
    }
}

/// Ends the command, because it needs a confirmation. `None` if the command asks on its terminal.
pub(crate) fn ask() -> Option<Exit> {
    is_one().then(|| leave(&Left::Question))
}

fn leave(left: &Left) -> Exit {
    let Some(part) = PART.get() else { return Exit::failed("the command does not run in parts") };
    let text = serde_json::to_vec(left).map_err(io::Error::other);
    match text.and_then(|text| fs::write(part.folder.join(LEFT), text)) {
        Ok(()) => Exit::silent(),
        Err(error) => Exit::failed(format!("cannot keep the state of the command: {error}")),
    }
}

/// Returns where bars draw the progress: on the terminal, or for the person who invoked the
/// function.
pub(crate) fn draw_target() -> Option<ProgressDrawTarget> {
    let file = PART.get()?.folder.join(PROGRESS);
    let line = Box::new(Line { file, text: std::sync::Mutex::default() });
    Some(ProgressDrawTarget::term_like_with_hz(line, DRAWN_PER_SECOND))
}

/// Prepares the folder of a part.
pub(crate) fn give(folder: &Path, given: &Given) -> io::Result<()> {
    fs::write(folder.join(GIVEN), serde_json::to_vec(given)?)
}

/// Returns what the command left; `None` if it is over.
pub(crate) fn take(folder: &Path) -> io::Result<Option<Left>> {
    match fs::read(folder.join(LEFT)) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the progress of the command, if it has drawn one.
pub(crate) fn progress(folder: &Path) -> Option<String> {
    let text = fs::read_to_string(folder.join(PROGRESS)).ok()?;
    // The spinner belongs to a terminal.
    let text = text.trim_start_matches(|c: char| !c.is_ascii_alphanumeric()).trim_end();
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

/// A terminal of one line, which is the content of a file.
#[derive(Debug)]
struct Line {
    file: PathBuf,
    text: std::sync::Mutex<String>,
}

impl Line {
    fn text(&self) -> std::sync::MutexGuard<'_, String> {
        self.text.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl TermLike for Line {
    fn width(&self) -> u16 {
        COLUMNS
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.text().push_str(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.text().clear();
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let text = self.text().clone();
        if text.trim().is_empty() { Ok(()) } else { fs::write(&self.file, text) }
    }
}
