//! Daily dumps: restored rows equal the dumped ones, and every change is noticed.

mod athena;
mod concurrent_changes;
mod equal;
mod files;
mod first_layout;
mod freshness;
mod retention;
mod slices;
