//! The function as Lambda runs it: a child process that asks an emulated runtime for events.
#![allow(clippy::disallowed_methods, reason = "the environment of children")]

mod schedule;
mod settings;
mod template;
mod world;
