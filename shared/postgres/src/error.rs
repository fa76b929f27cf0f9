//! The errors of this crate. Each is one line that says how to fix it.

use std::io;
use std::path::PathBuf;

/// The reason why the server does not run. Every message is one line and says how to fix the error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The machine has no PostgreSQL, and downloads are disabled.
    #[error(
        "no PostgreSQL 14 or newer found: install it, for example `apt-get install postgresql`, or \
         pass --database-url"
    )]
    NotFound,

    /// The folder given by the caller contains no usable PostgreSQL.
    #[error("{} does not have initdb and postgres of PostgreSQL 14 or newer: give the folder that \
        has them", dir.display())]
    NotInFolder {
        /// The given folder.
        dir: PathBuf,
    },

    /// PostgreSQL could not be downloaded or unpacked.
    #[error(
        "cannot fetch PostgreSQL {version} ({reason}): install PostgreSQL 14 or newer, for example \
         `apt-get install postgresql`, or pass --database-url"
    )]
    Fetch {
        /// The requested version.
        version: &'static str,
        /// The error of the download or of the unpacking.
        reason: String,
    },

    /// The data was written by another major version than the available one.
    #[error(
        "{} was written by PostgreSQL {data}, which is not installed here: install PostgreSQL \
            {data}, or choose another folder", dir.display()
    )]
    OtherVersion {
        /// The data folder.
        dir: PathBuf,
        /// The major version that wrote the data.
        data: u32,
    },

    /// A folder or file next to the data cannot be created, read or written.
    #[error("cannot use {} ({source}): choose a folder that this user may write", path.display())]
    Folder {
        /// The path of the folder or file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },

    /// Another program uses the data folder.
    #[error("another weir uses {}: stop it, or choose another folder", dir.display())]
    InUse {
        /// The data folder.
        dir: PathBuf,
    },

    /// The program runs as root, and no other user can reach the folder.
    #[error(
        "PostgreSQL does not run as root, and no other user can enter {}: choose a folder that \
            other users may enter, such as /var/lib/weir, or run weir as an ordinary user", dir.display()
    )]
    Root {
        /// The folder above the data.
        dir: PathBuf,
    },

    /// The data exists, but its password file does not.
    #[error(
        "the password file {} is missing or empty, so the data cannot be opened: restore the file, \
            or remove the data folder to begin with an empty database", path.display()
    )]
    NoPassword {
        /// The expected path of the password file.
        path: PathBuf,
    },

    /// The server refuses the password in the file next to its data.
    #[error("the server refuses the password in {}: restore the right password file", path.display())]
    WrongPassword {
        /// The password file.
        path: PathBuf,
    },

    /// `initdb` failed.
    #[error("initdb cannot create {} ({reason}): correct the cause and start again", dir.display())]
    Initdb {
        /// The data folder that `initdb` should create.
        dir: PathBuf,
        /// The last useful line of `initdb`'s output.
        reason: String,
    },

    /// The requested port is taken.
    #[error(
        "port {port} on 127.0.0.1 is already in use: choose another port, or none to get a free one"
    )]
    PortTaken {
        /// The requested port.
        port: u16,
    },

    /// The server ended or was not ready in time.
    #[error("PostgreSQL did not start ({reason}): see {}", log.display())]
    Start {
        /// The last useful line of its log.
        reason: String,
        /// The log file.
        log: PathBuf,
    },

    /// The server still runs after all signals.
    #[error("PostgreSQL with process id {pid} does not stop: stop it manually")]
    Stop {
        /// The postmaster's process id.
        pid: u32,
    },

    /// A program of the system cannot be run.
    #[error("cannot run {} ({source}): install it, or pass --database-url", program.display())]
    Program {
        /// The program.
        program: PathBuf,
        /// The error of the system.
        source: io::Error,
    },

    /// The server answered a statement of this crate with an error, or the connection broke.
    #[error("the local PostgreSQL returned an error ({0}): see its log")]
    Sql(#[from] tokio_postgres::Error),

    /// The background work of a start or stop was cancelled, for example by the end of the runtime.
    #[error("interrupted while PostgreSQL was started or stopped: start again")]
    Interrupted,
}

impl Error {
    /// Returns a function that adds a path to an I/O error.
    pub(crate) fn folder(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Folder { path, source }
    }
}
