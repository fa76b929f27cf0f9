//! Shows the progress of long work, from its first second. If the output is not a terminal, nothing
//! is shown.

use std::{fmt::Write, time::Duration};

use indicatif::{
    HumanCount, HumanDuration, HumanFloatCount, ProgressBar, ProgressState, ProgressStyle,
};

use crate::part;

/// The time between two drawings while nothing changes.
const TICK: Duration = Duration::from_millis(100);

/// Creates a bar that counts records. Its length is unknown until the function of [`on`] is called.
pub(crate) fn bar(what: &str) -> ProgressBar {
    shown(
        // A bar of length 0 would look finished.
        ProgressBar::no_length(),
        "{spinner} {msg} [{bar:40}] {human_pos}{of} {rate}/s{left}",
        what,
    )
}

/// Creates a bar that counts bytes.
pub(crate) fn bytes(what: &str, length: u64) -> ProgressBar {
    shown(
        ProgressBar::new(length),
        "{spinner} {msg} [{bar:40}] {bytes}/{total_bytes} {bytes_per_sec}{left}",
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
    let style = style.with_key("rate", rate).with_key("of", of).with_key("left", left);
    if let Some(target) = part::draw_target() {
        bar.set_draw_target(target);
    }
    bar.set_style(style.progress_chars("=> "));
    bar.set_message(what.to_owned());
    bar.enable_steady_tick(TICK);
    bar
}

/// Writes the rate, in records or rows per second, as a whole number.
fn rate(state: &ProgressState, out: &mut dyn Write) {
    // Cannot fail: `out` is a text in memory.
    let _ = write!(out, "{:.0}", HumanFloatCount(state.per_sec()));
}

/// Writes the number of records after a slash. Writes nothing while that number is unknown.
fn of(state: &ProgressState, out: &mut dyn Write) {
    if let Some(total) = state.len() {
        // Cannot fail, as in `rate`.
        let _ = write!(out, "/{}", HumanCount(total));
    }
}

/// Writes the estimate of the remaining time. Without any progress there is nothing to estimate
/// from, and indicatif would say "0s".
fn left(state: &ProgressState, out: &mut dyn Write) {
    let eta = state.eta();
    if !eta.is_zero() {
        // Cannot fail, as in `rate`.
        let _ = write!(out, ", {:#} left", HumanDuration(eta));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
        thread::sleep,
    };

    use indicatif::{ProgressDrawTarget, TermLike};

    use super::*;

    /// A terminal that keeps what was written since it was cleared.
    #[derive(Debug, Default, Clone)]
    struct Screen(Arc<Mutex<String>>);

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            120
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
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            self.0.lock().unwrap().clear();
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Draws the bar at each position, and returns what the terminal then shows.
    fn drawn(bar: &ProgressBar, positions: &[u64]) -> Vec<String> {
        let screen = Screen::default();
        bar.disable_steady_tick();
        bar.set_draw_target(ProgressDrawTarget::term_like(Box::new(screen.clone())));
        let at = |position: &u64| {
            sleep(Duration::from_millis(5));
            bar.set_position(*position);
            bar.tick();
            screen.0.lock().unwrap().trim().to_owned()
        };
        positions.iter().map(at).collect()
    }

    #[test]
    fn the_remaining_time_is_estimated_from_what_was_done() {
        let sized = bar("restoring");
        on(&sized)(0, 1_000_000);
        for (bar, total) in [(bytes("sending", 1_000_000), 1_000_000), (sized, 1_000_000)] {
            let [waiting, moving, whole] = &drawn(&bar, &[0, 10, total])[..] else {
                panic!("three lines")
            };
            assert!(waiting.contains("[ ") && !waiting.contains("left"), "{waiting}");
            assert!(moving.ends_with(" left") && !moving.contains(" 0s left"), "{moving}");
            assert!(whole.contains("=]") && !whole.contains("left"), "{whole}");
        }
    }

    #[test]
    fn a_bar_of_unknown_length_is_empty() {
        let [line] = &drawn(&bar("restoring"), &[0])[..] else { panic!("one line") };
        assert!(line.contains("restoring [ ") && line.ends_with("] 0 0/s"), "{line}");
    }
}
