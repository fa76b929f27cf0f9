//! The API function: wiring only.

use std::{process::ExitCode, sync::Arc};

use clap::Parser;
use lambda_http::{Adapter, service_fn};
use weir_api::{ApiState, DatabaseHealth, Dumps, PublicDumps, router};
use weir_blob::{BlobConfig, Blobs};
use weir_function::Trigger;
use weir_http::{AccessConfig, BasePath, Function, HttpLimits, RESPONSE_BYTES_MAX, ReadConnection};
use weir_model::models;
use weir_settings::WriterConfig;

/// Answers what API Gateway hands over.
#[derive(Parser)]
#[command(name = "api", version)]
struct Settings {
    #[command(flatten)]
    writer: WriterConfig,

    /// The database URL names a pooler that gives connections out by the transaction: RDS Proxy, or `PgBouncer` in that mode
    #[arg(long, env = "DATABASE_POOLED")]
    database_pooled: bool,

    #[command(flatten)]
    access: AccessConfig,
    #[command(flatten)]
    limits: HttpLimits,
    #[command(flatten)]
    blob: BlobConfig,
    #[command(flatten)]
    public: PublicDumps,

    /// What clients write before the API's own paths where API Gateway does not say it: the path of an API mapping of an
    /// HTTP API, as `/weir`
    #[arg(long, env = "BASE_PATH", value_name = "PATH", default_value = "")]
    base_path: BasePath,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match weir_function::start("api", start).await {
        Ok((function, runtime)) => runtime.serve(Trigger::Http, Adapter::from(service_fn(|event| function.handle(event)))).await,
        Err(exit) => exit,
    }
}

/// Reads what the settings name, and connects. An error is a setting that cannot be: the function must not start.
async fn start(settings: Settings) -> anyhow::Result<Function> {
    let Settings { mut writer, database_pooled, access, limits, blob, public, base_path } = settings;
    writer.database.pooled = database_pooled;
    let plugins = weir_plugin::builtin().switched_on(&writer.plugins).map_err(anyhow::Error::msg)?;
    let writer = writer.writer(&models::builtin(), &weir_plugin::builtin())?;
    let access = access.for_function().await?;
    let limits = HttpLimits { response_bytes_max: Some(RESPONSE_BYTES_MAX), ..limits };
    let reader = ReadConnection::new(writer.store().clone());
    let health = Arc::new(DatabaseHealth(reader.clone()));
    public.check(&models::builtin()).map_err(anyhow::Error::msg)?;
    let blobs = blob.blob_url.as_ref().map(Blobs::open).transpose()?;
    let dumps = Dumps::new(blobs, &public.public_dumps);
    let state = ApiState::new(writer, reader, access, limits, health, env!("CARGO_PKG_VERSION")).with_dumps(dumps);
    let router = router(state.clone(), &plugins).map_err(anyhow::Error::msg)?;
    weir_function::warm_up(state.warm_up()).await;
    Ok(Function::new(router, base_path))
}
