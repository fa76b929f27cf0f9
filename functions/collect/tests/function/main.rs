//! The function as Lambda runs it: a child process that asks an emulated runtime for events.
#![allow(clippy::disallowed_methods, reason = "the environment of children")]

#[path = "../routes/broker.rs"]
mod broker;
mod child;
mod events;
mod requests;
mod template;
