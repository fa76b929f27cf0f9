//! Random histories: against the rule of what is new, and against PostgreSQL.

mod database;
mod rule;
mod schedules;
