//! The function `admin` as a child process that polls an emulated Lambda runtime, and `weir --aws`
//! against an emulated AWS.
#![allow(clippy::disallowed_methods, reason = "the environment of children")]

mod commands;
mod parts;
mod refused;
mod template;
mod world;
