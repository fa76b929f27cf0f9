//! What is not as it should be with an event that is stored all the same.

use std::fmt::Display;

use crate::time::ReadInstant;

/// The longest text about what is wrong with an event.
const PROBLEMS_CHARS_MAX: usize = 1_000;

/// What was found on the way, in the order in which it was found.
#[derive(Debug, Default)]
pub struct Problems(String);

impl Problems {
    /// Adds a finding, one line for a person.
    pub fn add(&mut self, problem: impl Display) {
        if self.0.chars().count() < PROBLEMS_CHARS_MAX {
            let separator = if self.0.is_empty() { "" } else { "; " };
            // PostgreSQL's text refuses NUL, and parts of the event may be quoted.
            self.0 = format!("{}{separator}{problem}", self.0).replace('\0', "\u{FFFD}");
        }
    }

    /// Notes that an instant does not say its zone.
    pub fn zone(&mut self, name: &str, read: ReadInstant) {
        if !read.has_zone {
            self.add(format_args!("{name} has no zone, UTC is taken"));
        }
    }

    /// All of them, `; ` between them; none when nothing was found.
    pub fn done(self) -> Option<Box<str>> {
        (!self.0.is_empty()).then(|| self.0.into_boxed_str())
    }
}
