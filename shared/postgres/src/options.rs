//! What a caller may choose.

use std::path::PathBuf;
use std::time::Duration;

/// Where the server's data lies and how it is run. Start from [`Options::new`].
#[derive(Debug, Clone)]
pub struct Options {
    /// The data folder; made on first use, as are its parents. Its log, lock and password lie
    /// beside it.
    pub data_dir: PathBuf,
    /// The folder that holds `initdb` and `postgres`; only this one is tried when it is given.
    pub bin_dir: Option<PathBuf>,
    /// Look for PostgreSQL in `PATH` and in the usual folders.
    pub search: bool,
    /// Fetch PostgreSQL when none is found.
    pub fetch: bool,
    /// Where fetched binaries are kept, one folder per version.
    pub cache_dir: PathBuf,
    /// The TCP port on 127.0.0.1; `None` takes a free one.
    pub port: Option<u16>,
    /// Further server settings, as in `postgresql.conf`: (name, value).
    pub settings: Vec<(String, String)>,
    /// How long the server may take until it accepts connections; recovery after a crash counts.
    pub start_limit: Duration,
}

impl Options {
    /// The defaults for a data folder: look on the machine, else fetch into the folder `binaries`
    /// beside it, a free port, no further settings, two minutes to start.
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

    /// Adds one server setting and gives the options back.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }
}
