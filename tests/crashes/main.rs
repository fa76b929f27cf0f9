//! What is killed, cut or away, and what is there afterwards.

mod away;
mod cuts;
mod passing;
mod postgres_killed;
