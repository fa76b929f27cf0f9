//! The real binary under an emulated Lambda runtime, its database behind a proxy that stops the
//! wire at a chosen message.

mod answers;
mod child;
mod killed;
mod memory;
mod template;
mod timeout;
