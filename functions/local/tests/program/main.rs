//! The program `weir` from outside: everything that a person sees of it on one machine.

#[path = "../common/mod.rs"]
mod common;

mod cdevents;
mod commands;
mod failures;
mod given_database;
mod invoking;
mod keys;
mod kills;
mod losses;
mod misuse;
mod producing;
mod samples;
mod settings;
mod stopping;
