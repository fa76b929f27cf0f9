//! Kills, cut connections and outages, and the state of the database afterwards.

mod away;
mod cuts;
mod passing;
mod postgres_killed;
