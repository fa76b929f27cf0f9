//! Counts the files and values of `weir collect`, and prints its lines on stderr.

use std::fmt;

use indicatif::ProgressBar;

use super::folder::FolderFile;
use crate::{Exit, output};

/// The counts of all files that were processed until now.
pub(super) struct CollectTotals {
    bar: ProgressBar,
    pub(super) files: u64,
    pub(super) values: u64,
    pub(super) unchanged: u64,
    /// Values that could not be read. They are sent with the reason.
    pub(super) unreadable: u64,
    /// Files of which Kafka has nothing, or only a part.
    failed: u64,
}

impl CollectTotals {
    pub(super) fn new(bar: ProgressBar) -> Self {
        Self { bar, files: 0, values: 0, unchanged: 0, unreadable: 0, failed: 0 }
    }

    pub(super) fn failed(&mut self, fault: &str) {
        self.failed += 1;
        self.line(format_args!("{fault}"));
    }

    /// Prints a line above the bar.
    pub(super) fn line(&self, text: fmt::Arguments<'_>) {
        self.bar.suspend(|| output::error_line(text));
    }

    /// Counts an unchanged file. Its unreadable values stay unreadable until the file changes.
    pub(super) fn unchanged(&mut self, file: &FolderFile, unreadable: u64) {
        self.unchanged += 1;
        self.unreadable += unreadable;
        if unreadable > 0 {
            self.line(format_args!(
                "{}: unchanged since it was collected; {unreadable} of its values are unreadable",
                file.file.name
            ));
        }
    }

    pub(super) fn end(&self) -> Result<(), Exit> {
        if self.unreadable == 0 && self.failed == 0 {
            return Ok(());
        }
        Err(Exit::failed(format!(
            "unreadable values: {} (see `weir failures list`), failed files: {} (see the lines \
                above)",
            self.unreadable, self.failed
        )))
    }
}
