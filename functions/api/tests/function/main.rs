//! Tests of the real binary with an emulated Lambda runtime and the events of API Gateway.

mod access;
mod answers;
mod child;
mod limits;
mod paths;
mod request;
mod started;
mod template;
