//! The collect function: reads the settings and connects the parts.

mod function;

use std::{process::ExitCode, sync::Arc};

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::value::RawValue;
use weir_collect::{
    CollectLimits, CollectState, FunctionSettings, Sources, SourcesConfig, Uploads, intake::Intake,
};
use weir_function::Trigger;
use weir_http::{Function, Needs, RoutePaths};
use weir_kafka::{Producer, with_iam};
use weir_model::{Topics, models};
use weir_settings::Wanted;

use function::{Collect, S3};

/// The longest body. API Gateway passes 10 MB and Lambda 6 MB of JSON, of which base64 may be a
/// third. A body within this limit is never cut.
const BODY_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// API Gateway times out after 30 s. Our own answer has to come earlier.
const KAFKA_SECONDS_MAX: u16 = 25;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match weir_function::start("collect", start).await {
        Ok((collect, runtime)) => {
            runtime
                .serve(
                    Trigger::Http,
                    service_fn(|event: LambdaEvent<Box<RawValue>>| collect.handle(event)),
                )
                .await
        }
        Err(exit) => exit,
    }
}

/// Creates the objects that the settings name. An invalid setting is an error, and the function
/// does not start.
async fn start(settings: FunctionSettings) -> anyhow::Result<Collect> {
    let models = models::builtin();
    let data = Wanted::of(&settings.data)?.alone()?;
    let topics = Topics::new(&data.topics, &models)?;
    let decoders = data.switched_on(&weir_plugin::builtin())?.decoders();
    let producer = Arc::new(producer(&settings)?);
    let intake = Intake::new(producer, models, topics, decoders);
    for rule in &settings.files.files {
        intake.target(&rule.topic, None)?;
    }
    let sources = Sources::open(&SourcesConfig::of_text(&settings.sources)?, &intake).await?;
    let access = settings.access.for_function().await?;
    let s3 = Arc::new(S3::new(settings.files, settings.upload_url)?);
    let collect_kafka_timeout = settings.limits.collect_kafka_timeout.min(KAFKA_SECONDS_MAX);
    let limits = CollectLimits {
        body_bytes_max: Some(BODY_BYTES_MAX),
        collect_kafka_timeout,
        ..settings.limits
    };
    let uploads = Arc::clone(&s3) as Arc<dyn Uploads>;
    let state = CollectState::with_uploads(
        intake.clone(),
        sources.clone(),
        access.clone(),
        limits,
        Some(uploads),
    );
    let (routes, declared) = weir_collect::routes(state).split_for_parts();
    let declared = serde_json::to_value(&declared)?;
    let (needs, paths) = (Needs::declared(&declared), RoutePaths::declared(&declared));
    let router = weir_http::finish(weir_http::guard_and_note(access, needs, routes));
    Ok(Collect::new(Function::new(router, settings.base_path, paths), intake, sources, s3))
}

fn producer(settings: &FunctionSettings) -> anyhow::Result<Producer> {
    let Some(bootstrap) = &settings.kafka.kafka else {
        anyhow::bail!("KAFKA_URL is missing: give HOST:PORT of one broker or several")
    };
    let mut properties = settings.kafka.properties();
    // API Gateway times out after 30 s.
    properties.entry("message.timeout.ms".to_owned()).or_insert_with(|| "20000".to_owned());
    if let Some(region) = &settings.kafka_iam_region {
        properties = with_iam(region, &properties);
    }
    Ok(Producer::new(bootstrap, &properties)?)
}
