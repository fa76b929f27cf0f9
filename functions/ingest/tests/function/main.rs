//! Tests of the real binary with an emulated Lambda runtime. Its database is behind a proxy that
//! stops the connection at a chosen message.

mod answers;
mod child;
mod killed;
mod memory;
mod recreated;
mod template;
mod timeout;
