//! local

pub mod broker;
pub mod poller;
