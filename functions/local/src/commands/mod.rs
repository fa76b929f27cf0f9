//! The subcommands of the program, one file each.

mod apply;
mod collect;
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
    Exit, Settings, serve,
    settings::{Command, KeysCommand, TopicCommand},
};

pub(crate) async fn run(settings: Settings, models: Models, plugins: Plugins) -> Result<(), Exit> {
    match settings.command.clone() {
        None => serve::run(&settings, &models, &plugins).await,
        Some(Command::Migrate { what }) => {
            migrate::run(&settings, &models, &plugins, what.is_some()).await
        }
        Some(Command::Replay(args)) => replay::run(&settings, &models, &plugins, &args).await,
        Some(Command::Dump(args)) => dump::run(&settings, &models, &args).await,
        Some(Command::Restore(args)) => restore::run(&settings, &models, &args).await,
        Some(Command::Retention { force, confirmation }) => {
            retention::run(&settings, &models, &force, confirmation).await
        }
        Some(Command::Topic { what: TopicCommand::Reset { name, force, confirmation } }) => {
            topic::reset(&settings, &models, &plugins, &name, force, confirmation).await
        }
        Some(Command::Keys { what: KeysCommand::New { scope, name } }) => {
            keys::new(&settings, &scope, name)
        }
        Some(Command::Keys { what: KeysCommand::List }) => keys::list(&settings).await,
        Some(Command::Failures { what }) => {
            failures::run(&settings, &models, &plugins, &what).await
        }
        Some(Command::Send(args)) => send::run(&args).await,
        Some(Command::Collect(args)) => collect::run(&settings, &models, &plugins, &args).await,
        Some(Command::Reconcile { repair }) => {
            reconcile::run(&settings, &models, &plugins, repair).await
        }
        Some(Command::SqlDocs) => sql_docs::run(&settings).await,
        Some(Command::Transform(args)) => transform::run(&args),
        Some(Command::Apply(args)) => apply::run(&settings, &models, &plugins, &args).await,
        Some(Command::Config) => config::run(&settings).await,
    }
}
