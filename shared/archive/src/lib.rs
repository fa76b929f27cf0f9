#![doc = include_str!("../README.md")]

mod columns;
mod error;
mod files;
mod local;
mod page;
mod reader;

pub use error::ArchiveError;
pub use page::{Key, Page, PageFilter};
pub use reader::ArchiveReader;
