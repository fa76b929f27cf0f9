//! The events of the function `admin`, and its answers.

use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// The bytes of an answer that Lambda passes on are 6,291,556. The rest is for the other fields.
pub(super) const OUTPUT_BYTES_MAX: usize = 6_000_000;

/// An event.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Event {
    /// Runs a command, or its next part.
    Run(Run),
    /// Returns the progress of a command that another invocation runs.
    Watch(Uuid),
}

/// A command line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Run {
    /// The id of the use, the same in each part.
    pub id: Uuid,
    /// The arguments of `weir`.
    pub arguments: Vec<String>,
    /// Who runs the command, as the caller says.
    pub actor: String,
    /// The proof of the caller's identity, for this id.
    #[serde(default)]
    pub proof: String,
    /// The number of parts so far.
    #[serde(default)]
    pub parts: i32,
    /// The state of the part before.
    #[serde(default)]
    pub state: Value,
}

/// The answer to [`Event::Run`].
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Answer {
    /// The output of this part.
    pub stdout: String,
    /// The errors and the log of this part.
    pub stderr: String,
    /// What comes next.
    pub next: Next,
}

impl Answer {
    /// Adds a line of the function to the errors.
    pub(super) fn note(&mut self, text: fmt::Arguments<'_>) {
        // Cannot fail: it is a text in memory.
        let _ = writeln!(self.stderr, "weir: {text}");
    }

    /// Cuts the output at the end of a line, if Lambda cannot return all of it.
    pub(super) fn fit(&mut self) {
        let is_cut = [&mut self.stderr, &mut self.stdout].into_iter().fold(
            (OUTPUT_BYTES_MAX, false),
            |(room, is_cut), text| {
                let (length, bytes) = fitting(text, room);
                let cuts = length < text.len();
                text.truncate(length);
                (room - bytes, is_cut || cuts)
            },
        );
        if is_cut.1 {
            self.note(format_args!(
                "the rest of the output is cut, because Lambda returns 6 MB: ask for less, for \
                    example with --limit or a filter"
            ));
            if let Next::Ended(status @ 0) = &mut self.next {
                *status = 1;
            }
        }
    }
}

/// Returns the length of the lines of a text that fit, and their length in JSON.
fn fitting(text: &str, room: usize) -> (usize, usize) {
    let (mut length, mut bytes) = (0, 0);
    for line in text.split_inclusive('\n') {
        // The quotes are counted too, which is a little too much.
        let more = serde_json::to_string(line).map_or(usize::MAX, |json| json.len());
        if more > room - bytes {
            break;
        }
        (length, bytes) = (length + line.len(), bytes + more);
    }
    (length, bytes)
}

/// What comes after a part.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Next {
    /// Nothing: the command ended with this status.
    Ended(u8),
    /// Another part, with this state.
    Part(Value),
    /// The question whether the person confirms the command.
    Question,
}

impl Default for Next {
    fn default() -> Self {
        Self::Ended(0)
    }
}

/// The answer to [`Event::Watch`].
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Watched {
    /// The progress, for people.
    pub progress: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_that_lambda_cannot_return_is_cut_at_a_line_and_says_so() {
        let line = "\"".repeat(1_000_000) + "\n";
        let mut answer =
            Answer { stdout: line.repeat(4), stderr: "note\n".to_owned(), ..Answer::default() };
        answer.fit();
        assert_eq!(answer.stdout, line.repeat(2), "each quote has two bytes");
        assert!(answer.stderr.starts_with("note\nweir: ") && answer.stderr.contains("--limit"));
        assert!(matches!(answer.next, Next::Ended(1)));
        assert!(serde_json::to_vec(&answer).unwrap().len() < 6 * 1024 * 1024);
        let mut short = Answer { stdout: line, ..Answer::default() };
        short.fit();
        assert!(short.stderr.is_empty() && matches!(short.next, Next::Ended(0)));
    }
}
