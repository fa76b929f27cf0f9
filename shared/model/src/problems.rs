//! Findings about an event that is stored although a part is wrong.

use std::fmt::Display;

use crate::time::ReadInstant;

/// Maximum characters of the findings of an event.
const PROBLEMS_CHARS_MAX: usize = 1_000;

/// The findings about an event, in order.
#[derive(Debug, Default)]
pub struct Problems(String);

impl Problems {
    /// Adds a finding, one line for a person.
    pub fn add(&mut self, problem: impl Display) {
        if self.0.chars().count() < PROBLEMS_CHARS_MAX {
            let separator = if self.0.is_empty() { "" } else { "; " };
            // PostgreSQL's text refuses NUL, and a finding may quote parts of the event.
            self.0 = format!("{}{separator}{problem}", self.0).replace('\0', "\u{FFFD}");
        }
    }

    /// Adds a finding if the instant has no time zone.
    pub fn zone(&mut self, name: &str, read: ReadInstant) {
        if !read.has_zone {
            self.add(format_args!("{name} has no time zone, UTC is assumed"));
        }
    }

    /// Returns all findings, separated by `; `. `None` when there are no findings.
    pub fn done(self) -> Option<Box<str>> {
        (!self.0.is_empty()).then(|| self.0.into_boxed_str())
    }
}
