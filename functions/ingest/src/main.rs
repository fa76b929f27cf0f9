//! The ingest function: wiring only.

use std::{
    process::ExitCode,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::value::RawValue;
use weir_function::Trigger;
use weir_ingest::{FunctionSettings, Handler, IngestError, emf_line};
use weir_model::models;
use weir_settings::LateWriter;
use weir_store::{Report, StoreError};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match weir_function::start("ingest", start).await {
        Ok((writer, runtime)) => {
            runtime
                .serve(
                    Trigger::PubSub,
                    service_fn(|event: LambdaEvent<Box<RawValue>>| invoke(&writer, event)),
                )
                .await
        }
        Err(exit) => exit,
    }
}

/// Reads the settings and connects to the database.
async fn start(settings: FunctionSettings) -> Result<LateWriter, StoreError> {
    let writer = settings.writer.late(models::builtin(), weir_plugin::builtin())?;
    let read = async { writer.get().await.map(drop) };
    weir_function::warm_up(read, |error| matches!(error, StoreError::Setting(_))).await?;
    Ok(writer)
}

/// Handles one invocation. A success returns `{"batchItemFailures":[]}`. After an error Lambda
/// keeps the batch.
#[expect(clippy::disallowed_methods, reason = "this code reads the system clock")]
async fn invoke(
    writer: &LateWriter,
    event: LambdaEvent<Box<RawValue>>,
) -> Result<Box<RawValue>, lambda_runtime::Error> {
    let begun = Instant::now();
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let time_left = Duration::from_millis(event.context.deadline).saturating_sub(now);
    match handle(writer, event.payload.get().as_bytes(), time_left).await {
        Ok(report) => {
            let at = u64::try_from(now.as_millis()).unwrap_or_default();
            println!("{}", emf_line(&report, at, begun.elapsed().as_secs_f64() * 1000.0));
            Ok(serde_json::value::to_raw_value(&serde_json::json!({"batchItemFailures": []}))?)
        }
        Err(error) => {
            tracing::error!(%error, "the batch was not stored; it stays in Kafka");
            Err(error.to_string().into())
        }
    }
}

async fn handle(
    writer: &LateWriter,
    event: &[u8],
    time_left: Duration,
) -> Result<Report, IngestError> {
    let begun = Instant::now();
    let late = || StoreError::Timeout("reading the settings");
    let writer = tokio::time::timeout(time_left, writer.get()).await.map_err(|_| late())??;
    Handler::new(writer.clone()).handle(event, time_left.saturating_sub(begun.elapsed())).await
}
