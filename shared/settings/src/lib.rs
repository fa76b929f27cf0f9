#![doc = include_str!("../README.md")]

mod data;
mod decide;
mod flags;
mod stored;
mod tables;
mod writer;

pub use data::{BY_HAND, DataSettings, Wanted};
pub use flags::{DATA_FLAGS, DataFlags, Deployed, Given, parse_days};
pub use stored::{StoredSettings, TopicSetting};
pub use tables::DataTables;
pub use writer::{LateWriter, WriterConfig};
