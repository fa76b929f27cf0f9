//! What every request goes through: two steps, each in one piece, since every layer costs each request an allocation or two
//! and a copy of all that is inside it.

mod enter;
mod fit;
mod front;
mod limit;
mod log;
mod problem;
mod route;
mod trailing_slash;

pub(crate) use enter::{Door, enter};
pub(crate) use front::front;
pub use limit::Deadline;
pub use route::Route;
pub(crate) use route::note_route;
