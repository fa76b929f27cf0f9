//! Daily dumps: restored rows equal the dumped ones, and every change is noticed.

mod concurrent_changes;
mod equal;
mod files;
mod freshness;
mod retention;
mod slices;
