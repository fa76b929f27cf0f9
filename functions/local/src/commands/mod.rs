//! The subcommands of the program, one file each.

mod apply;
mod collect;
mod completions;
mod config;
mod dump;
mod failures;
mod keys;
mod migrate;
mod reconcile;
mod replay;
mod restore;
mod retention;
mod send;
mod sql_docs;
mod topic;
mod transform;

use weir_model::Models;
use weir_plugin::Plugins;

use crate::{
    Exit, Settings, layers,
    output::say,
    serve,
    settings::{Command, KeysCommand, MigrateCommand, TopicCommand},
};

pub(crate) async fn run(settings: Settings, models: Models, plugins: Plugins) -> Result<(), Exit> {
    match settings.command.clone() {
        None => serve::run(&settings, &models, &plugins).await,
        Some(Command::Migrate { what: None }) => migrate::run(&settings, &models, &plugins).await,
        Some(Command::Migrate { what: Some(MigrateCommand::Status { json }) }) => {
            migrate::status(&settings, &models, &plugins, json).await
        }
        Some(Command::Replay(args)) => replay::run(&settings, &models, &plugins, &args).await,
        Some(Command::Dump(args)) => dump::run(&settings, &models, &args).await,
        Some(Command::Restore(args)) => restore::run(&settings, &models, &args).await,
        Some(Command::Retention { force, dry_run, json, confirmation }) => {
            retention::run(&settings, &models, &force, dry_run, json, confirmation).await
        }
        Some(Command::Topic { what: TopicCommand::Reset { name, force, confirmation } }) => {
            topic::reset(&settings, &models, &plugins, &name, force, confirmation).await
        }
        Some(Command::Keys { what: KeysCommand::New { scope, name } }) => {
            keys::new(&settings, &scope, name)
        }
        Some(Command::Keys { what: KeysCommand::List { json } }) => {
            keys::list(&settings, json).await
        }
        Some(Command::Failures { what }) => {
            failures::run(&settings, &models, &plugins, &what).await
        }
        Some(Command::Send(args)) => send::run(&args).await,
        Some(Command::Collect(args)) => collect::run(&settings, &models, &plugins, &args).await,
        Some(Command::Reconcile { repair, json }) => {
            reconcile::run(&settings, &models, &plugins, repair, json).await
        }
        Some(Command::SqlDocs) => sql_docs::run(&settings).await,
        Some(Command::Transform(args)) => transform::run(&args),
        Some(Command::Apply(args)) => apply::run(&settings, &models, &plugins, &args).await,
        Some(Command::Config { json }) => config::run(&settings, json).await,
        Some(Command::Completions { shell }) => completions::run(shell),
        Some(Command::Version) => {
            say!("weir {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
        Some(Command::Settings) => {
            say!("{}", layers::help_of_settings().trim_end());
            Ok(())
        }
    }
}
