#![doc = include_str!("../README.md")]

pub mod body;
pub mod files;
pub mod intake;
mod limits;
mod routes;
mod settings;
pub mod sources;
pub mod splitting;
mod upload_url;

pub use limits::CollectLimits;
pub use routes::{CollectState, Uploads, routes};
pub use settings::FunctionSettings;
pub use sources::{Sources, SourcesConfig};
pub use upload_url::UploadUrl;
