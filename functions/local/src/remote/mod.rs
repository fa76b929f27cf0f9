//! Commands in AWS: `weir --aws STACK …` and the function `admin`, which runs them in the VPC.
//!
//! The program sends the command line with Lambda's Invoke. The function writes a row into the
//! table `audit`, runs the command as a child process, completes the row, and returns the output
//! and the exit status. A long command stops between two steps, and the program invokes the
//! function again, see [`part`](crate::part).

mod allowed;
mod child;
mod client;
mod function;
mod identity;
mod protocol;

pub(crate) use client::run;
pub use function::{AdminSettings, function};

/// Returns the name of the function of a stack.
pub(crate) fn function_name(stack: &str) -> String {
    format!("{stack}-admin")
}
