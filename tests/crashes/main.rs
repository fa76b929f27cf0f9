//! Kills, cut connections and outages, and the state of the database afterwards.

mod archive;
mod away;
mod cuts;
mod passing;
mod postgres_killed;
