//! Runs the program as a user does: on its own folder, with requests over HTTP and Kafka, stopped
//! by a signal.
#![allow(
    dead_code,
    unused_imports,
    clippy::disallowed_methods,
    reason = "each test program uses its part, on the real clock and environment"
)]

pub(crate) mod data;
pub(crate) mod folder;
mod http;
pub(crate) mod running;

use std::{
    path::Path,
    process::{Command, Stdio},
    sync::OnceLock,
};

use anyhow::Result;

pub(crate) use folder::Folder;
pub(crate) use running::{Ended, Running};

/// Returns the command of `weir`, or of another binary, in an environment without settings.
pub(crate) fn command(program: impl AsRef<Path>, args: &[&str]) -> Command {
    let mut command = Command::new(program.as_ref());
    let kept = ["PATH", "HOME", "TMPDIR"]
        .into_iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)));
    command
        .args(args)
        .env_clear()
        .envs(kept)
        .envs(postgres_bin())
        .current_dir("/")
        .stdin(Stdio::null());
    command
}

/// Returns a variable that the script sets.
pub(crate) fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Runs a command of `weir` to its end.
pub(crate) async fn weir(args: &[&str]) -> Result<Ended> {
    ended(command(crate::PROGRAM, args)).await
}

/// Runs a command to its end.
pub(crate) async fn ended(mut command: Command) -> Result<Ended> {
    let output = running::ask_blocking(move || command.output()).await?;
    Ok(Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Returns the folder of the PostgreSQL that the testkit uses, unless `weir` finds one itself.
/// Without it every test would fetch PostgreSQL again.
fn postgres_bin() -> Option<(&'static str, std::path::PathBuf)> {
    static FETCHED: OnceLock<Option<std::path::PathBuf>> = OnceLock::new();
    let fetched = || {
        weir_testkit::postgres();
        let folder =
            std::env::current_exe().ok()?.ancestors().nth(2)?.join("weir-postgres-binaries");
        let versions = std::fs::read_dir(folder).ok()?;
        versions
            .flatten()
            .map(|version| version.path().join("bin"))
            .find(|bin| bin.join("initdb").is_file())
    };
    let chosen = std::env::var_os("WEIR_TEST_POSTGRES_BIN").map(Into::into);
    Some(("WEIR_POSTGRES_BIN", chosen.or_else(|| FETCHED.get_or_init(fetched).clone())?))
}
