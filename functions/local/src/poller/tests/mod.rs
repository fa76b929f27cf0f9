//! The poller against the embedded broker, with handlers that write down what they get.

mod batches;
mod delivery;
mod failures;
mod losses;
mod rebalances;
mod stage;
