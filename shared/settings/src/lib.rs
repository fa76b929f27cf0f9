#![doc = include_str!("../README.md")]

mod writer;

pub use writer::WriterConfig;
