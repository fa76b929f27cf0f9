//! Where daily dumps lie, and how they are read and written there.
//!
//! - [`BlobUrl`] says where: `s3://bucket/prefix` or `file:///folder`.
//! - [`Blobs`] lists, reads, signs and deletes; [`Upload`] writes a file of any length in constant memory, which stands
//!   under its name whole or not at all.
//! - [`layout`] gives the names, [`Manifest`] says what a day holds: a day without one is not there.

mod blobs;
mod config;
mod crypto;
mod day;
mod error;
mod layout_of;
mod left_uploads;
mod manifest;
mod upload;
mod url;

/// Names of folders and files.
pub mod layout {
    pub use crate::layout_of::*;
}

pub use blobs::{Blobs, Object, Reading, s3};
pub use config::BlobConfig;
pub use day::Day;
pub use error::BlobError;
pub use manifest::{Column, File, Format, Manifest, Offsets};
pub use upload::Upload;
pub use url::BlobUrl;
