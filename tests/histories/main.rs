//! Random histories: against the offset rule, and against PostgreSQL.

mod database;
mod rule;
mod schedules;
