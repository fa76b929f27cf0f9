//! The settings that several functions share.

mod writer;

pub use writer::WriterConfig;
