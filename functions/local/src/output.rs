//! Prints lines on stdout and stderr. A closed pipe is not an error: the reader, such as `head`,
//! has read enough.

use std::{
    fmt,
    io::{self, Write},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use serde_json::{Value, json};

/// Whether the lines on stderr are JSON, like the lines of the log.
static JSON: AtomicBool = AtomicBool::new(false);

/// Prints a line on stdout.
pub(crate) fn line(text: fmt::Arguments<'_>) {
    if let Err(error) = writeln!(io::stdout(), "{text}")
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        self::error_line(format_args!("cannot write to stdout: {error}"));
    }
}

/// Prints the JSON of a list on stdout.
pub(crate) fn print_json(value: &Value) {
    line(format_args!("{value}"));
}

/// Prints the output of a command that ran elsewhere.
pub(crate) fn copy(stdout: &str, stderr: &str) {
    // A closed pipe is not an error, as for a line.
    let _ = io::stdout().write_all(stdout.as_bytes()).and_then(|()| io::stdout().flush());
    let _ = io::stderr().write_all(stderr.as_bytes());
}

/// Makes each later line on stderr a JSON object, like the lines of the log.
pub(crate) fn lines_are_json() {
    JSON.store(true, Relaxed);
}

/// Prints an error on stderr, with the program's name before it.
pub(crate) fn error_line(text: fmt::Arguments<'_>) {
    on_stderr("ERROR", text);
}

/// Prints a note on stderr, with the program's name before it.
pub(crate) fn note_line(text: fmt::Arguments<'_>) {
    on_stderr("INFO", text);
}

fn on_stderr(level: &str, text: fmt::Arguments<'_>) {
    // If stderr is closed, the line is lost.
    let _ = if JSON.load(Relaxed) {
        let timestamp = crate::clock::now().rfc3339_millis();
        let line = json!({
            "timestamp": timestamp, "level": level, "target": "weir", "message": text.to_string(),
        });
        writeln!(io::stderr(), "{line}")
    } else {
        writeln!(io::stderr(), "weir: {text}")
    };
}

/// Works as `println!`, but does not panic when stdout is closed.
macro_rules! say {
    ($($text:tt)*) => { $crate::output::line(format_args!($($text)*)) };
}
pub(crate) use say;
