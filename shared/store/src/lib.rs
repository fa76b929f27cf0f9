#![doc = include_str!("../README.md")]

mod config;
mod connect;
mod error;
pub mod event_id;
pub mod gaps;
pub mod headers;
mod health;
pub mod identity;
pub mod migrate;
pub mod offset_rule;
mod pipeline;
pub mod plugin;
pub mod positions;
pub mod reconcile;
pub mod replay;
mod report;
pub mod reset;
pub mod retention;
pub mod retry;
mod roles;
mod secret;
pub mod sql_docs;
mod store;
mod tls;
mod tx;
mod write;

pub use config::DatabaseConfig;
pub use connect::Connection;
pub use error::{PluginError, StoreError, describe};
pub use health::{HealthReason, HealthReasons};
pub use plugin::{DatabasePlugin, NewEvent, Reapply};
pub use report::{Count, OpenedGap, ReadRange, Report};
pub use roles::DatabaseRoles;
pub use store::{BEGIN, Store};
pub use tx::Tx;
pub use write::{WriteLimits, Writer, group_of};
