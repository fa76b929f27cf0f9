#![doc = include_str!("../README.md")]

mod check;
mod columns;
mod error;
mod files;
mod local;
mod page;
mod reader;

pub use check::LostFile;
pub use error::ArchiveError;
pub use page::{Key, Page, PageFilter};
pub use reader::ArchiveReader;
