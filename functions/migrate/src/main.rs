//! The migrate function: wiring only.

use std::{
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};
use weir_function::{Runtime, Trigger};
use weir_migrate::{CustomResource, Deployed, Deployment, MigrateConfig, Properties};
use weir_model::models;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (deployment, runtime) = match weir_function::begin::<MigrateConfig>("migrate") {
        Ok((config, runtime)) => {
            let deployment = Deployment::new(&config, models::builtin(), &weir_plugin::builtin());
            (deployment.map_err(|error| format!("{error:#}")), runtime)
        }
        Err(error) => (Err(error), Runtime::without_settings()),
    };
    if let Err(error) = &deployment {
        let ended = weir_function::refuse("migrate", error);
        if !is_function() {
            return ended;
        }
        // An exit now would leave CloudFormation without an answer, and the stack would hang for an
        // hour.
    }
    runtime
        .serve(
            Trigger::Other,
            service_fn(|event: LambdaEvent<Value>| invoke(deployment.clone(), event)),
        )
        .await
}

/// Returns whether Lambda started this program.
#[expect(clippy::disallowed_methods, reason = "this code reads the environment")]
fn is_function() -> bool {
    std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some()
}

/// Handles one invocation: a request of CloudFormation, or any other event, which only runs the
/// migrations.
#[expect(clippy::disallowed_methods, reason = "this code reads the system clock")]
async fn invoke(
    deployment: Result<Deployment, String>,
    event: LambdaEvent<Value>,
) -> Result<Value, lambda_runtime::Error> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let time_left = Duration::from_millis(event.context.deadline).saturating_sub(now);
    let work = |properties| apply(deployment, properties);
    match CustomResource::of(&event.payload) {
        Some(resource) => Ok(resource.serve(time_left, work).await?),
        None => Ok(
            json!({"applied": work(Properties::default()).await.map_err(|error| format!("{error:#}"))?.applied}),
        ),
    }
}

async fn apply(
    deployment: Result<Deployment, String>,
    properties: Properties,
) -> anyhow::Result<Deployed> {
    let deployed = deployment.map_err(anyhow::Error::msg)?.apply(&properties).await?;
    tracing::info!(applied = ?deployed.applied, topics = ?deployed.topics, "schema, roles and topics are up to date");
    Ok(deployed)
}
