//! Lines on stdout and stderr, which may be closed: whoever pipes us into `head` has read enough,
//! and that is no fault.

use std::{fmt, io, io::Write};

/// A line on stdout.
pub(crate) fn line(text: fmt::Arguments<'_>) {
    if let Err(error) = writeln!(io::stdout(), "{text}")
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        self::error_line(format_args!("cannot write to stdout: {error}"));
    }
}

/// A line on stderr, with the program's name before it.
pub(crate) fn error_line(text: fmt::Arguments<'_>) {
    // Where it cannot be said, nobody listens.
    let _ = writeln!(io::stderr(), "weir: {text}");
}

/// As `println!`, which panics when nobody reads.
macro_rules! say {
    ($($text:tt)*) => { $crate::output::line(format_args!($($text)*)) };
}
pub(crate) use say;
