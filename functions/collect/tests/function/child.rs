//! Runs the function as a child process against its own broker.

use std::{process::Stdio, time::Duration};

use anyhow::Context;
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use weir_testkit::RuntimeApi;

use crate::broker::Broker;

/// The longest time for an invocation.
const LIMIT: Duration = Duration::from_secs(30);

pub(crate) struct CollectFunctionWorld {
    pub(crate) broker: Broker,
    pub(crate) runtime: RuntimeApi,
}

impl CollectFunctionWorld {
    pub(crate) async fn new() -> anyhow::Result<Self> {
        Ok(Self { broker: Broker::start(), runtime: RuntimeApi::start().await? })
    }

    /// Returns the command that starts the function. The IAM check is that of API Gateway.
    pub(crate) fn command(&self) -> Command {
        let mut command = self.runtime.command(env!("CARGO_BIN_EXE_collect"));
        command
            .env("KAFKA_URL", &self.broker.address)
            .env("TOPICS", "+orders=events")
            .env("AUTH", "iam");
        command
    }

    /// Starts the function, which is killed on drop.
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Child> {
        Ok(command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn()?)
    }

    pub(crate) async fn invoke(&self, event: &Value) -> anyhow::Result<Value> {
        self.runtime
            .invoke(event.to_string().into_bytes(), LIMIT)
            .await
            .map_err(|error| anyhow::anyhow!("{error:?}"))
    }

    /// Sends a `POST` through an HTTP API. Returns the status and the body.
    pub(crate) async fn post(
        &self,
        path: &str,
        headers: Value,
        body: &str,
    ) -> anyhow::Result<(u64, Value)> {
        let (raw, query) = path.split_once('?').unwrap_or((path, ""));
        let context = json!({"stage": "$default", "http": {"method": "POST", "path": raw, "sourceIp": "203.0.113.7"}});
        let event = json!({"version": "2.0", "rawPath": raw, "rawQueryString": query, "headers": headers, "requestContext": context, "body": body, "isBase64Encoded": false});
        let answer = self.invoke(&event).await?;
        let body = answer["body"].as_str().context("a body")?;
        Ok((answer["statusCode"].as_u64().context("a status")?, serde_json::from_str(body)?))
    }
}
