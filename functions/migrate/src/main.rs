//! The migrate function: whatever event it gets, it brings the schema up to date.

use std::process::ExitCode;

use clap::Parser;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};
use weir_model::models;
use weir_plugin::PluginsConfig;
use weir_store::{DatabaseConfig, Store};

/// Applies Weir's migrations.
#[derive(Parser)]
#[command(name = "migrate", version)]
struct Settings {
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    plugins: PluginsConfig,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let settings = Settings::parse();
    weir_function::log_to_stdout();
    let plugins = weir_plugin::builtin().switched_on(&settings.plugins);
    let (store, plugins) = match (Store::new(&settings.database), plugins) {
        (Ok(store), Ok(plugins)) => (store, plugins),
        (store, plugins) => {
            let error = store.err().map(|e| e.to_string()).or(plugins.err()).unwrap_or_default();
            eprintln!("migrate: {error}");
            return ExitCode::from(2);
        }
    };
    let models = models::builtin();
    let function = service_fn(|_: LambdaEvent<Value>| async {
        let steps = weir_migrate::handle(&store, &models, &plugins).await.map_err(|e| e.to_string())?;
        tracing::info!(?steps, "the schema is up to date");
        Ok::<_, lambda_runtime::Error>(json!({"applied": steps}))
    });
    match lambda_runtime::run(function).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the runtime ended");
            ExitCode::FAILURE
        }
    }
}
