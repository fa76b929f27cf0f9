//! The poller with the embedded broker and handlers that record their events.

mod delivery;
mod failures;
mod limits;
mod losses;
mod rebalances;
mod stage;
mod stored;
mod topic_watch;
mod unreadable;
