//! Shows the progress of long work, from its first second. If the output is not a terminal, nothing
//! is shown.

use std::{fmt::Write, time::Duration};

use indicatif::{HumanFloatCount, ProgressBar, ProgressState, ProgressStyle};

/// The time between two drawings while nothing changes.
const TICK: Duration = Duration::from_millis(100);

/// Creates a bar that counts records. Its length is unknown until the function of [`on`] is called.
pub(crate) fn bar(what: &str) -> ProgressBar {
    shown(
        ProgressBar::new(0),
        "{spinner} {msg} [{bar:40}] {human_pos}/{human_len} {rate}/s, {eta} left",
        what,
    )
}

/// Creates a bar that counts bytes.
pub(crate) fn bytes(what: &str, length: u64) -> ProgressBar {
    shown(
        ProgressBar::new(length),
        "{spinner} {msg} [{bar:40}] {bytes}/{total_bytes} {bytes_per_sec}, {eta} left",
        what,
    )
}

/// Returns a function that updates the bar with (done, total).
pub(crate) fn on(bar: &ProgressBar) -> impl Fn(u64, u64) {
    move |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    }
}

/// Creates a spinner for work of unknown length.
pub(crate) fn spinner(what: &str) -> ProgressBar {
    shown(ProgressBar::new_spinner(), "{spinner} {msg}", what)
}

/// Creates a counter of rows whose total is unknown.
pub(crate) fn rows(what: &str) -> ProgressBar {
    shown(ProgressBar::no_length(), "{spinner} {msg} {human_pos} rows {rate}/s", what)
}

/// Creates a counter of bytes whose total is unknown.
pub(crate) fn bytes_so_far(what: &str) -> ProgressBar {
    shown(ProgressBar::no_length(), "{spinner} {msg} {bytes} {bytes_per_sec}", what)
}

fn shown(bar: ProgressBar, template: &str, what: &str) -> ProgressBar {
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style.with_key("rate", rate).progress_chars("=> "));
    bar.set_message(what.to_owned());
    bar.enable_steady_tick(TICK);
    bar
}

/// Writes the rate, in records or rows per second, as a whole number.
fn rate(state: &ProgressState, out: &mut dyn Write) {
    // Cannot fail: `out` is a text in memory.
    let _ = write!(out, "{:.0}", HumanFloatCount(state.per_sec()));
}
