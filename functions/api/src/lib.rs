//! The REST routes: one router, for `weir` and for Lambda.
//!
//! The way of a request: [`finish`] gives it an id, takes a trailing slash off and later renders the problem
//! and writes the log line; [`routes`] is the table of routes; a route's file holds its handler, its faults
//! and its tests, and beside it lies its SQL.
//!
//! **How to add a route**: a file like `builds/get.rs` with its `.sql`, and a line in [`routes`]. Ask
//! [`Reader`] for rows, answer `Result<Response, ApiError>`, take parameters through `query::Params`, which
//! refuses what nobody asks for.

mod access;
mod builds;
mod cdevents;
#[cfg(test)]
mod contracts;
mod docs;
mod dumps;
mod error;
mod etag;
mod events;
mod failures;
mod filter;
mod function;
mod gateway;
mod health;
mod home;
mod ids;
mod json;
mod limits;
mod list;
mod long_read;
mod middleware;
mod models;
mod per_thread;
mod ping;
mod problem;
mod query;
mod reader;
mod readings;
mod retried;
mod router;
mod serve;
mod state;
mod streams;
mod together;
#[cfg(test)]
mod world;

pub use access::{Access, AccessConfig, AccessError, Auth, Entry, Key, KeyHash, KeyName, Keys, KeysError, Scope, Scopes, Source};
pub use dumps::{Dumps, PublicDumps};
pub use error::ApiError;
pub use failures::{RetriedMany, count_failures, discard_failure, find_failure, list_failures, retry_failure, retry_failures};
pub use filter::Filter;
pub use function::{Answer, BasePath, Function, RESPONSE_BYTES_MAX};
pub use gateway::{Prefix, SourceIp};
pub use health::{DatabaseHealth, Health, Part};
pub use limits::ApiLimits;
pub use middleware::{Deadline, Route};
pub use problem::{Members, Problem};
pub use reader::Reader;
pub use retried::Acknowledged;
pub use router::{finish, guarded, guarded_and_noted, router, routes, routes_beside};
pub use serve::Server;
pub use state::ApiState;
