//! Prints lines on stdout and stderr. A closed pipe is not an error: the reader, such as `head`,
//! has read enough.

use std::{fmt, io, io::Write};

/// Prints a line on stdout.
pub(crate) fn line(text: fmt::Arguments<'_>) {
    if let Err(error) = writeln!(io::stdout(), "{text}")
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        self::error_line(format_args!("cannot write to stdout: {error}"));
    }
}

/// Prints a line on stderr, with the program's name before it.
pub(crate) fn error_line(text: fmt::Arguments<'_>) {
    // If stderr is closed, the line is lost.
    let _ = writeln!(io::stderr(), "weir: {text}");
}

/// Works as `println!`, but does not panic when stdout is closed.
macro_rules! say {
    ($($text:tt)*) => { $crate::output::line(format_args!($($text)*)) };
}
pub(crate) use say;
