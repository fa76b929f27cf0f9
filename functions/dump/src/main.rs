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
use weir_settings::{DataFlags, Wanted};
use weir_store::{DatabaseConfig, Store, StoreError};

/// Dumps yesterday, and every day that changed since it was dumped, when `EventBridge` Scheduler says so.
#[derive(Parser)]
#[command(name = "dump", version)]
struct Settings {
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    dump: DumpConfig,
    #[command(flatten)]
    data: DataFlags,
}

#[tokio::main]
async fn main() -> ExitCode {
    let started = weir_function::begin::<Settings>("dump")
        .and_then(|(settings, begun)| Ok((start(&settings).map_err(|error| error.to_string())?, begun)));
    let ((handler, wanted), begun) = match started {
        Ok(started) => started,
        Err(error) => return weir_function::refuse("dump", error),
    };
    let mut refused = None;
    weir_function::warm_up(async {
        match wanted.in_force(&handler.dumper().store).await {
            Err(error @ StoreError::Setting(_)) => Ok(refused = Some(error)),
            other => other.map(drop),
        }
    })
    .await;
    if let Some(error) = refused {
        return weir_function::refuse("dump", error);
    }
    begun.serve(Trigger::Timer, service_fn(|event: LambdaEvent<Scheduled>| invoke(&handler, &wanted, event))).await
}

fn start(settings: &Settings) -> Result<(Handler, Wanted), DumpError> {
    let store = Store::new(&settings.database)?;
    let dumper = Dumper::new(store, &models::builtin(), &settings.dump)?;
    Ok((Handler::new(dumper), Wanted::of(&settings.data)?))
}

/// One invocation. An error makes the schedule try again.
#[expect(clippy::disallowed_methods, reason = "the clock enters here")]
async fn invoke(handler: &Handler, wanted: &Wanted, event: LambdaEvent<Scheduled>) -> Result<Answer, lambda_runtime::Error> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let time_left = Duration::from_millis(event.context.deadline).saturating_sub(now);
    let at = Micros(i64::try_from(now.as_micros())?);
    // Read each time: a day is long, and what is dropped does not come back.
    let handled = async {
        let keep = wanted.in_force(&handler.dumper().store).await?.keep;
        handler.handle(&event.payload, keep, at, time_left).await
    };
    handled.await.map_err(|error: DumpError| {
        tracing::error!(%error, "the dump failed");
        error.to_string().into()
    })
}
