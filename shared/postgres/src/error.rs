//! What can go wrong, each in one line that says what to do.

use std::io;
use std::path::PathBuf;

/// Why there is no server. Every message is one line and names the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No PostgreSQL on this machine, and fetching is off.
    #[error(
        "no PostgreSQL 14 or newer found: install it, for example `apt-get install postgresql`, \
         or pass --database-url"
    )]
    NotFound,

    /// The folder given by the caller holds no usable PostgreSQL.
    #[error("no initdb and postgres of PostgreSQL 14 or newer in {}: give the folder that holds them", dir.display())]
    NotInFolder {
        /// The folder that was given.
        dir: PathBuf,
    },

    /// PostgreSQL could not be fetched or unpacked.
    #[error(
        "cannot fetch PostgreSQL {version} ({reason}): install PostgreSQL 14 or newer, for example \
         `apt-get install postgresql`, or pass --database-url"
    )]
    Fetch {
        /// The version that was wanted.
        version: &'static str,
        /// What the download or the unpacking said.
        reason: String,
    },

    /// The data was written by another major version than the one at hand.
    #[error(
        "{} was written by PostgreSQL {data}, and that version is not here: install PostgreSQL {data}, \
         or choose another folder", dir.display()
    )]
    OtherVersion {
        /// The data folder.
        dir: PathBuf,
        /// The major version that wrote it.
        data: u32,
    },

    /// A folder or file beside the data cannot be made, read or written.
    #[error("cannot use {} ({source}): choose a folder that this user may write", path.display())]
    Folder {
        /// The path that was refused.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// Another program holds the data folder.
    #[error("another weir uses {}: stop it, or choose another folder", dir.display())]
    InUse {
        /// The data folder.
        dir: PathBuf,
    },

    /// We are root, and no other user can reach the folder.
    #[error(
        "PostgreSQL refuses to run as root, and no other user can enter {}: choose a folder that \
         others may enter, such as /var/lib/weir, or run as an ordinary user", dir.display()
    )]
    Root {
        /// The folder above the data.
        dir: PathBuf,
    },

    /// The data is there and its password is not.
    #[error(
        "the password file {} is missing or empty, so the data cannot be opened: put it back, or remove the \
         data folder to begin anew", path.display()
    )]
    NoPassword {
        /// Where the password was expected.
        path: PathBuf,
    },

    /// The server does not take the password that lies beside its data.
    #[error("the server refuses the password in {}: put the right one back", path.display())]
    WrongPassword {
        /// The password file.
        path: PathBuf,
    },

    /// `initdb` failed.
    #[error("initdb cannot make {} ({reason}): mend that and start again", dir.display())]
    Initdb {
        /// The data folder that was to be made.
        dir: PathBuf,
        /// The last useful line that `initdb` said.
        reason: String,
    },

    /// The wanted port is taken.
    #[error("port {port} on 127.0.0.1 is taken: choose another, or none to get a free one")]
    PortTaken {
        /// The port that was asked for.
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

    /// The server still runs although it was told to stop.
    #[error("PostgreSQL with process id {pid} does not stop: end it by hand")]
    Stop {
        /// The postmaster's process id.
        pid: u32,
    },

    /// A program of the system cannot be run.
    #[error("cannot run {} ({source}): install it, or pass --database-url", program.display())]
    Program {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The server answered a statement of ours with an error, or the connection broke.
    #[error("the local PostgreSQL refused ({0}): see its log")]
    Sql(#[from] tokio_postgres::Error),

    /// The background work of a start or stop was cut off, as when the runtime ends.
    #[error("interrupted while PostgreSQL was started or stopped: start again")]
    Interrupted,
}

impl Error {
    /// Binds a path to an I/O error.
    pub(crate) fn folder(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Folder { path, source }
    }
}
