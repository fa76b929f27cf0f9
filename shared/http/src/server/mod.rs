//! Serves HTTP/1.1 with one thread per core, and reads the database without other threads.
//! `README.md` in this folder has the measurement of each mechanism.

mod accept;
mod batch_loader;
mod host;
mod per_thread;
mod read_connection;

pub use accept::Server;
pub use batch_loader::{BatchLoader, FoundRow, row_loader};
pub use per_thread::PerThread;
pub use read_connection::{READ_SECONDS_MAX, ReadConnection, ReadError, SqlParam};
