#![doc = include_str!("../README.md")]

mod commands;
mod confirm;
mod database;
mod dumps;
mod exit;
mod identity;
mod layers;
mod output;
pub mod poller;
mod progress;
mod serve;
mod settings;

use std::process::ExitCode;

pub use exit::Exit;
pub use settings::{Command, Settings};
pub use weir_model::Models;
pub use weir_plugin::Plugins;

/// Weir's own models, to add to.
pub fn models() -> Models {
    weir_model::models::builtin()
}

/// Weir's own plugins, to add to.
pub fn plugins() -> Plugins {
    weir_plugin::builtin()
}

/// Reads flags, environment and file, and does what they say: 0 when it went well, 2 for wrong
/// usage or a machine that lacks something, 1 for everything else, always with one line on stderr
/// that says what to do.
pub fn run(models: Models, plugins: Plugins) -> ExitCode {
    let settings = match layers::read() {
        Ok(settings) => settings,
        Err(exit) => return exit.report(),
    };
    let filter = tracing_subscriber::EnvFilter::new(&settings.log);
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_target(false);
    // It would say that a line cannot be written with `eprintln!`, and a closed stderr would end
    // the thread that logs.
    log.log_internal_errors(false).init();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if settings.command.is_none() {
        // HTTP has a thread a core beside them, and each thread keeps memory: one for two cores is
        // as fast, in 15 MB less.
        builder.worker_threads(
            std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2)),
        );
    }
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Exit::failed(format!("no runtime: {error}")).report(),
    };
    let done = runtime.block_on(commands::run(settings, models, plugins));
    // A thread of a client library that hangs must not keep the program from ending.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => exit.report(),
    }
}
