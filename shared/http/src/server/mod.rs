//! HTTP/1.1 by a thread a core, and reads of the database that need no other thread. `README.md`
//! beside this file gives the measurement behind each mechanism.

mod accept;
mod batch_loader;
mod host;
mod per_thread;
mod read_connection;

pub use accept::Server;
pub use batch_loader::{BatchLoader, FoundRow, row_loader};
pub use per_thread::PerThread;
pub use read_connection::{READ_SECONDS_MAX, ReadConnection, ReadError, SqlParam};
