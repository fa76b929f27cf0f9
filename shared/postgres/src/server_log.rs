//! The server's log, and the line of it that contains the error.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::Error;

const KEEP_BYTES_MAX: u64 = 16 << 20;

/// Opens the log for one start. Returns the file and its current length, so that only lines of this
/// start are quoted. A log above 16 MiB is deleted first.
pub(crate) fn open(path: &Path) -> Result<(File, u64), Error> {
    if fs::metadata(path).is_ok_and(|meta| meta.len() > KEEP_BYTES_MAX) {
        fs::remove_file(path).map_err(Error::folder(path))?;
    }
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(Error::folder(path))?;
    let length = file.metadata().map_err(Error::folder(path))?.len();
    Ok((file, length))
}

/// Returns the text after `from` (bytes); empty when it cannot be read.
pub(crate) fn since(path: &Path, from: u64) -> String {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::Start(from))?;
        file.read_to_end(&mut bytes)
    });
    if read.is_err() {
        return String::new();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns the text to quote: the error text of the last line with an error, otherwise the whole
/// last line.
pub(crate) fn last_useful_line(text: &str) -> String {
    let marked = |line: &str| {
        ["PANIC:", "FATAL:", "error:", "ERROR:"]
            .iter()
            .find_map(|mark| line.find(mark).map(|at| line[at + mark.len()..].trim().to_owned()))
    };
    let lines = || text.lines().rev().filter(|line| !line.trim().is_empty());
    lines()
        .find_map(marked)
        .or_else(|| lines().next().map(|line| line.trim().to_owned()))
        .unwrap_or_else(|| "no error text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::last_useful_line;

    #[test]
    fn the_error_is_quoted_and_not_the_chatter_behind_it() {
        let text = "2026-01-01 00:00:00 UTC [7] LOG:  starting\n2026-01-01 00:00:00 UTC [7] \
                    FATAL:  bogus setting\n2026-01-01 00:00:00 UTC [7] \
                    LOG:  database system is shut down\n\n";
        assert_eq!(last_useful_line(text), "bogus setting");
        assert_eq!(last_useful_line("one\ntwo\n\n"), "two");
        assert_eq!(last_useful_line(""), "no error text");
    }
}
