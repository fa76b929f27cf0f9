#![doc = include_str!("../README.md")]

mod audit;
mod clock;
mod commands;
mod confirm;
mod database;
mod dumps;
mod exit;
mod identity;
mod layers;
mod log;
mod output;
mod part;
pub mod poller;
mod progress;
mod random;
mod remote;
mod serve;
mod settings;

use std::process::ExitCode;

pub use exit::{Exit, ExitStatus};
pub use remote::{AdminSettings, function as admin};
pub use settings::{Command, Settings};
pub use weir_model::Models;
pub use weir_plugin::Plugins;

/// Returns Weir's built-in models, to which a caller can add others.
pub fn models() -> Models {
    weir_model::models::builtin()
}

/// Returns Weir's built-in plugins, to which a caller can add others.
pub fn plugins() -> Plugins {
    weir_plugin::builtin()
}

/// Returns the command line of `weir`: the subcommands with their flags, and the settings.
///
/// A setting is a global argument: every subcommand accepts it. The other arguments of a subcommand
/// are its own flags.
pub fn command() -> clap::Command {
    layers::command()
}

/// Reads flags, environment and file, and runs the chosen command.
///
/// The exit code is 0 for success, 2 for wrong usage or a machine that lacks something, and 1 for
/// everything else. Each error is one line on stderr that says what to do.
pub fn run(models: Models, plugins: Plugins) -> ExitCode {
    let mut settings = match layers::read() {
        Ok(settings) => settings,
        Err(exit) => return exit.report(),
    };
    log::start(&settings.log, settings.log_format);
    if let Err(exit) = part::begin() {
        return exit.report();
    }
    settings.audited = audit::action(&settings);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if settings.command.is_none() {
        // HTTP runs one thread per core in addition, and each thread keeps memory. One worker
        // thread for two cores is as fast and needs 15 MB less.
        builder.worker_threads(
            std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2)),
        );
    }
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Exit::failed(format!("cannot start the runtime: {error}")).report(),
    };
    let done = runtime.block_on(async {
        match settings.aws.clone() {
            Some(stack) => remote::run(&stack, &layers::line()).await,
            None => commands::run(settings, models, plugins).await,
        }
    });
    // A client library's thread that hangs must not block the end of the program.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => exit.report(),
    }
}
