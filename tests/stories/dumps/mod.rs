//! Daily dumps: what goes out comes back, and no change goes unnoticed.

mod equal;
mod files;
mod held;
mod retention;
mod slices;
mod stale;
