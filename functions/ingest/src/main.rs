//! The ingest function: wiring only.

use std::{
    process::ExitCode,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use clap::Parser;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::value::RawValue;
use weir_ingest::{Handler, IngestConfig, emf_line};
use weir_model::models;

/// A database that sleeps must not make the init phase fail: after this time the function starts without.
const INIT_CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// Takes Kafka batches from Lambda's event source mapping into PostgreSQL.
#[derive(Parser)]
#[command(name = "ingest", version)]
struct Settings {
    #[command(flatten)]
    ingest: IngestConfig,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let settings = Settings::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_env_filter(filter)
        .with_writer(std::io::stdout)
        .init();
    let writer = match settings.ingest.writer(&models::builtin(), &weir_plugin::builtin()) {
        Ok(writer) => writer,
        Err(error) => {
            eprintln!("ingest: {error}");
            return ExitCode::from(2);
        }
    };
    match tokio::time::timeout(INIT_CONNECT_LIMIT, writer.store().warm_up()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "no connection during init; the first batch tries again"),
        Err(_) => tracing::warn!("no connection during init within 3 s; the first batch tries again"),
    }
    let handler = Handler::new(writer);
    let served = lambda_runtime::run(service_fn(|event: LambdaEvent<Box<RawValue>>| invoke(&handler, event))).await;
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the runtime ended");
            ExitCode::FAILURE
        }
    }
}

/// One invocation. Success is `{"batchItemFailures":[]}`; an error makes Lambda keep the batch.
#[expect(clippy::disallowed_methods, reason = "the clock enters here")]
async fn invoke(handler: &Handler, event: LambdaEvent<Box<RawValue>>) -> Result<Box<RawValue>, lambda_runtime::Error> {
    let begun = Instant::now();
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let time_left = Duration::from_millis(event.context.deadline).saturating_sub(now);
    match handler.handle(event.payload.get().as_bytes(), time_left).await {
        Ok(report) => {
            let at = u64::try_from(now.as_millis()).unwrap_or_default();
            println!("{}", emf_line(&report, handler.writer().group_id(), at, begun.elapsed().as_secs_f64() * 1000.0));
            Ok(serde_json::value::to_raw_value(&serde_json::json!({"batchItemFailures": []}))?)
        }
        Err(error) => {
            tracing::error!(%error, "the batch was not stored; Kafka keeps it");
            Err(error.to_string().into())
        }
    }
}
