//! The function as Lambda runs it: a child process that fetches events from an emulated runtime.
#![allow(clippy::disallowed_methods, reason = "the environment of children")]

#[path = "../routes/broker.rs"]
mod broker;
mod child;
mod events;
mod requests;
mod template;
