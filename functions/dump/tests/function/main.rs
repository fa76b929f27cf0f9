//! Tests of the function as a child process that polls an emulated Lambda runtime.
#![allow(clippy::disallowed_methods, reason = "the environment of children")]

mod schedule;
mod settings;
mod template;
mod world;
