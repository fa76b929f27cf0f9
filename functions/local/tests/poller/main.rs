//! The poller against the embedded broker, with handlers that write down what they get.

mod delivery;
mod failures;
mod limits;
mod losses;
mod rebalances;
mod stage;
mod stored;
mod unreadable;
