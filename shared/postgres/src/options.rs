//! The options of a server.

use std::path::PathBuf;
use std::time::Duration;

/// The location of the server's data and the way to run the server. Start from [`Options::new`].
#[derive(Debug, Clone)]
pub struct Options {
    /// The data folder, created on first use with its parents. Its log, lock and password file are
    /// next to it.
    pub data_dir: PathBuf,
    /// The folder that contains `initdb` and `postgres`. If it is given, no other folder is
    /// searched.
    pub bin_dir: Option<PathBuf>,
    /// Whether to search for PostgreSQL in `PATH` and in the usual folders.
    pub search: bool,
    /// Whether to download PostgreSQL when none is found.
    pub fetch: bool,
    /// The folder for downloaded binaries, with one folder per version.
    pub cache_dir: PathBuf,
    /// The TCP port on 127.0.0.1; `None` selects a free port.
    pub port: Option<u16>,
    /// Further server settings, as in `postgresql.conf`: (name, value).
    pub settings: Vec<(String, String)>,
    /// The time limit until the server accepts connections, including recovery after a crash.
    pub start_limit: Duration,
}

impl Options {
    /// Returns the default options for a data folder.
    ///
    /// PostgreSQL is searched for on the machine, and otherwise downloaded into the folder
    /// `binaries` next to the data. The port is a free one, the start limit is two minutes, and
    /// there are no further settings.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        let data_dir = data_dir.into();
        Self {
            bin_dir: None,
            search: true,
            fetch: true,
            cache_dir: data_dir.with_file_name("binaries"),
            port: None,
            settings: Vec::new(),
            start_limit: Duration::from_mins(2),
            data_dir,
        }
    }

    /// Adds one server setting and returns the options.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }
}
