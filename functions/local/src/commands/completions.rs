//! `weir completions SHELL`: prints the completion script of a shell.

use std::io::{self, Write};

use clap_complete::{Shell, generate};

use crate::{Exit, layers};

pub(super) fn run(shell: Shell) -> Result<(), Exit> {
    // The generator panics when a write fails, for example at a closed pipe.
    let mut script = Vec::new();
    generate(shell, &mut layers::completions(), "weir", &mut script);
    match io::stdout().write_all(&script) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Exit::failed(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}
