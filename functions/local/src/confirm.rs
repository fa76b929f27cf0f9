//! Confirmation before a command destroys or rewrites stored data. The command shows what it will
//! do and how to undo it, and asks for a yes.
//!
//! The commands are `topic reset`, `replay`, `failures discard`, `retention --force` and `apply`.
//! Other commands do not ask: `restore`, `failures retry` and `collect` only add data, `migrate`
//! only goes forward, and `retention` without `--force` drops only dumped and verified months, as
//! the daily job does.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;

use crate::{Exit, output::say, part};

/// The confirmation that was given in advance.
#[derive(Debug, Clone, Copy, Args)]
pub struct Confirmation {
    /// Do not ask for confirmation
    ///
    /// The flag is needed when stdin or stderr is not a terminal.
    #[arg(long)]
    pub yes: bool,
}

/// The actions of a command, for the confirmation.
pub(crate) struct Plan {
    /// One line per action.
    pub what: Vec<String>,
    /// How to undo the actions, or a text that they cannot be undone.
    pub undo: String,
}

impl Plan {
    /// Shows the plan, and returns `Ok` when it is confirmed. After an error nothing was changed.
    pub(crate) async fn confirm(&self, confirmation: Confirmation) -> Result<(), Exit> {
        for line in &self.what {
            say!("{line}");
        }
        say!("to undo it: {}", self.undo);
        if !confirmation.yes
            && let Some(unasked) = part::ask()
        {
            return Err(unasked);
        }
        self::question(confirmation).await
    }
}

/// Asks for a yes, unless it was given in advance. After an error nothing was changed.
pub(crate) async fn question(confirmation: Confirmation) -> Result<(), Exit> {
    let asked = move || {
        decide(confirmation.yes, io::stdin().is_terminal() && io::stderr().is_terminal(), ask)
    };
    tokio::task::spawn_blocking(asked).await.map_err(Exit::failed)?
}

fn decide(yes: bool, terminal: bool, ask: impl FnOnce() -> io::Result<String>) -> Result<(), Exit> {
    if yes {
        return Ok(());
    }
    if !terminal {
        return Err(Exit::usage(
            "nothing was changed: this command needs a terminal to ask for confirmation; give \
                --yes to run it without",
        ));
    }
    let answer = ask()
        .map_err(|e| Exit::failed(format!("nothing was changed: cannot read the answer ({e})")))?;
    if ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()) {
        Ok(())
    } else {
        Err(Exit::failed("nothing was changed"))
    }
}

fn ask() -> io::Result<String> {
    let mut out = io::stderr();
    write!(out, "continue? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        let never = || -> io::Result<String> { panic!("the question must not be asked") };
        assert!(decide(true, false, never).is_ok());
        assert!(decide(true, true, never).is_ok());
        let refused = decide(false, false, never).unwrap_err();
        assert!(
            refused.to_string().contains("nothing was changed")
                && refused.to_string().contains("--yes"),
            "{refused}"
        );
        for (answer, done) in [
            ("y\n", true),
            ("YES\n", true),
            (" yes ", true),
            ("n\n", false),
            ("\n", false),
            ("", false),
            ("yes please", false),
        ] {
            assert_eq!(decide(false, true, || Ok(answer.to_owned())).is_ok(), done, "{answer:?}");
        }
        assert!(decide(false, true, || Err(io::Error::other("closed"))).is_err());
    }
}
