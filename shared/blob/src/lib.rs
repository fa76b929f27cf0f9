#![doc = include_str!("../README.md")]

mod blobs;
mod config;
mod crypto;
mod day;
mod dumps;
mod error;
mod format;
pub mod layout;
mod left_uploads;
mod manifest;
mod store;
mod upload;
mod url;

pub use blobs::{Blobs, Object, OpenFile};
pub use config::BlobConfig;
pub use day::UtcDay;
pub use error::BlobError;
pub use format::Format;
pub use layout::Layout;
pub use manifest::{Manifest, ManifestColumn, ManifestFile, Offsets};
pub use store::s3;
pub use upload::Upload;
pub use url::BlobUrl;
