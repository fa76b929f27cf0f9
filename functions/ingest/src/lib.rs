#![doc = include_str!("../README.md")]

mod emf;
mod handler;

pub use emf::emf_line;
pub use handler::{Handler, IngestError};
