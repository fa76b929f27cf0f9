//! The dump function: wiring only.

use std::{
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clap::Parser;
use lambda_runtime::{LambdaEvent, service_fn};
use weir_dump::{Answer, DumpConfig, DumpError, Dumper, Handler, Scheduled};
use weir_function::Trigger;
use weir_model::{Micros, models};
use weir_store::{DatabaseConfig, Store};

/// Dumps yesterday, and every day that changed since it was dumped, when `EventBridge` Scheduler says so.
#[derive(Parser)]
#[command(name = "dump", version)]
struct Settings {
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    dump: DumpConfig,
}

#[tokio::main]
async fn main() -> ExitCode {
    match weir_function::start("dump", start).await {
        Ok((handler, runtime)) => runtime.serve(Trigger::Timer, service_fn(|event: LambdaEvent<Scheduled>| invoke(&handler, event))).await,
        Err(exit) => exit,
    }
}

/// Reads what the settings name, and connects.
async fn start(settings: Settings) -> Result<Handler, DumpError> {
    let store = Store::new(&settings.database)?;
    let dumper = Dumper::new(store, &models::builtin(), &settings.dump)?;
    weir_function::warm_up(dumper.store.warm_up()).await;
    Ok(Handler::new(dumper, settings.dump.keep))
}

/// One invocation. An error makes the schedule try again.
#[expect(clippy::disallowed_methods, reason = "the clock enters here")]
async fn invoke(handler: &Handler, event: LambdaEvent<Scheduled>) -> Result<Answer, lambda_runtime::Error> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let time_left = Duration::from_millis(event.context.deadline).saturating_sub(now);
    let at = Micros(i64::try_from(now.as_micros())?);
    handler.handle(&event.payload, at, time_left).await.map_err(|error| {
        tracing::error!(%error, "the dump failed");
        error.to_string().into()
    })
}
