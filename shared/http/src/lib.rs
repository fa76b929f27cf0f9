#![doc = include_str!("../README.md")]

mod access;
mod client_address;
mod gateway;
mod lambda;
mod limits;
mod middleware;
mod problem;
mod problem_code;
mod server;

pub use access::{
    Access, AccessConfig, AccessError, Auth, Denied, Entry, Key, KeyHash, KeyName, Keys, KeysError,
    Need, Needs, Scope, Scopes, Source, authorized,
};
pub use client_address::TrustedProxies;
pub use gateway::{Prefix, SourceIp};
pub use lambda::{Answer, BasePath, Function, RESPONSE_BYTES_MAX, RoutePaths, prepared};
pub use limits::HttpLimits;
pub use middleware::{
    CutOff, Deadline, Route, RouteGuard, TrailingSlash, finish, guard, guard_and_note,
};
pub use problem::{Members, Problem, RETRY_AFTER_SECONDS};
pub use problem_code::ProblemCode;
pub use server::{
    BatchLoader, FoundRow, PerThread, READ_SECONDS_MAX, ReadConnection, ReadError, Server,
    SqlParam, row_loader,
};
