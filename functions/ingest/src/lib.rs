#![doc = include_str!("../README.md")]

mod emf;
mod handler;
mod settings;

pub use emf::emf_line;
pub use handler::{Handler, IngestError};
pub use settings::FunctionSettings;
