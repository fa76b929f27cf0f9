//! The routes against their own broker: every status of the contract.
#![allow(clippy::disallowed_methods, reason = "signatures are made for the real clock")]

mod bodies;
mod broker;
mod cdevents;
mod converters;
mod events;
mod files;
mod ingest;
mod keys;
mod octokit;
mod outages;
mod room;
mod slow;
mod topics;
mod webhooks;
mod world;
