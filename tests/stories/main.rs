//! Stories across the functions, on real parts.

mod first_steps;
mod odd_records;
