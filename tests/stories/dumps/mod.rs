//! Daily dumps: what goes out comes back, and no change goes unnoticed.

mod concurrent_changes;
mod equal;
mod files;
mod freshness;
mod retention;
mod slices;
