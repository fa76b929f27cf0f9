//! The real binary under an emulated Lambda runtime, asked as API Gateway asks.

mod access;
mod answers;
mod child;
mod limits;
mod paths;
mod request;
mod started;
mod template;
