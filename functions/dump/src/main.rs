//! The dump function: wiring only.

use std::{
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use lambda_runtime::{LambdaEvent, service_fn};
use weir_dump::{Answer, DumpError, Dumper, FunctionSettings, Handler, Scheduled};
use weir_function::Trigger;
use weir_model::{Micros, models};
use weir_settings::Wanted;
use weir_store::{Store, StoreError};

#[tokio::main]
async fn main() -> ExitCode {
    match weir_function::start("dump", start).await {
        Ok(((store, handler, wanted), runtime)) => {
            let invoke = |event: LambdaEvent<Scheduled>| invoke(&store, &handler, &wanted, event);
            runtime.serve(Trigger::Timer, service_fn(invoke)).await
        }
        Err(exit) => exit,
    }
}

/// Reads the settings and connects to the database.
async fn start(settings: FunctionSettings) -> Result<(Store, Handler, Wanted), DumpError> {
    let wanted = Wanted::of(&settings.data)?;
    let store = Store::new(&settings.database)?;
    let dumper = Dumper::new(store.clone(), &models::builtin(), &settings.dump)?;
    let dumper = dumper.with_reader(Store::of_reader(&settings.reader, &settings.database)?);
    let read = async { wanted.in_force(&store).await.map(drop) };
    weir_function::warm_up(read, |error| matches!(error, StoreError::Setting(_))).await?;
    Ok((store, Handler::new(dumper), wanted))
}

/// Handles one invocation. After an error the schedule tries again.
#[expect(clippy::disallowed_methods, reason = "this code reads the system clock")]
async fn invoke(
    store: &Store,
    handler: &Handler,
    wanted: &Wanted,
    event: LambdaEvent<Scheduled>,
) -> Result<Answer, lambda_runtime::Error> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let time_left = Duration::from_millis(event.context.deadline).saturating_sub(now);
    let at = Micros(i64::try_from(now.as_micros())?);
    // The setting is read in each invocation, because it may have changed since yesterday and
    // dropped months cannot be brought back.
    let handled = async {
        let keep = wanted.in_force(store).await?.keep;
        handler.handle(&event.payload, &keep, at, time_left).await
    };
    handled.await.map_err(|error: DumpError| {
        tracing::error!(%error, "the dump failed");
        error.to_string().into()
    })
}
