//! The program `weir` from outside: everything that a user can observe on one machine.

#[path = "../common/mod.rs"]
mod common;

mod cdevents;
mod collecting;
mod commands;
mod confirming;
mod dumps;
mod failures;
mod given_database;
mod health;
mod help;
mod hostile;
mod invoking;
mod keys;
mod kills;
mod logging;
mod losses;
mod misuse;
mod producing;
mod reconciling;
mod samples;
mod settings;
mod stopping;
mod stored_settings;

/// The program that the common modules start.
const PROGRAM: &str = env!("CARGO_BIN_EXE_weir");
