//! Daily dumps: what goes out comes back, and no change goes unnoticed.

mod equal;
mod files;
mod retention;
mod stale;
