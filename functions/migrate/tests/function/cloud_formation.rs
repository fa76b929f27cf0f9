//! Sends the requests of CloudFormation and receives the answers.

use std::{
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::put,
};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    sync::mpsc,
};
use weir_testkit::{Database, RuntimeApi};

const LIMIT: Duration = Duration::from_mins(1);

/// A database, an emulated Lambda runtime, and an emulated CloudFormation.
pub(crate) struct MigrateWorld {
    pub database: Database,
    pub runtime: RuntimeApi,
    url: String,
    answers: mpsc::UnboundedReceiver<(String, Value)>,
    refusals: Arc<AtomicU32>,
}

struct Stack {
    answers: mpsc::UnboundedSender<(String, Value)>,
    refusals: Arc<AtomicU32>,
}

async fn answered(State(stack): State<Arc<Stack>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if stack.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok()
    {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let kind =
        headers.get("content-type").and_then(|h| h.to_str().ok()).unwrap_or_default().to_owned();
    let _ = stack.answers.send((kind, serde_json::from_slice(&body).unwrap_or_default()));
    StatusCode::OK
}

impl MigrateWorld {
    pub(crate) async fn new() -> Result<Self> {
        let (sender, answers) = mpsc::unbounded_channel();
        let refusals = Arc::<AtomicU32>::default();
        let stack = Arc::new(Stack { answers: sender, refusals: refusals.clone() });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/answer?signature=secret", listener.local_addr()?);
        let app = Router::new().route("/answer", put(answered)).with_state(stack);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self {
            database: Database::empty().await?,
            runtime: RuntimeApi::start().await?,
            url,
            answers,
            refusals,
        })
    }

    /// Refuses the next `times` answers.
    pub(crate) fn refuse(&self, times: u32) {
        self.refusals.store(times, Ordering::SeqCst);
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = self.runtime.command(env!("CARGO_BIN_EXE_migrate"));
        command
            .env("DATABASE_URL", self.database.url())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    pub(crate) fn start(&self) -> Result<Child> {
        Ok(self.command().spawn()?)
    }

    /// Sends a request and returns the answer that CloudFormation received.
    pub(crate) async fn ask(&mut self, request: &str, properties: Value) -> Result<Value> {
        self.ask_within(request, properties, LIMIT).await
    }

    /// Like [`ask`](Self::ask), with `limit` as the limit of the invocation.
    pub(crate) async fn ask_within(
        &mut self,
        request: &str,
        properties: Value,
        limit: Duration,
    ) -> Result<Value> {
        let event = json!({
            "RequestType": request,
            "ResponseURL": self.url,
            "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/weir/guid",
            "RequestId": "request-1",
            "LogicalResourceId": "Schema",
            "ResourceType": "Custom::WeirSchema",
            "ResourceProperties": properties,
        });
        let invoked = self.runtime.invoke(event.to_string().into_bytes(), limit).await;
        let (kind, answer) = self
            .answers
            .try_recv()
            .with_context(|| format!("CloudFormation hears nothing: {invoked:?}"))?;
        invoked.map_err(|error| anyhow::anyhow!("{error:?}"))?;
        assert_eq!(kind, "", "the URL is signed for no content type");
        for (name, value) in [
            ("StackId", "arn:aws:cloudformation:eu-west-1:123456789012:stack/weir/guid"),
            ("RequestId", "request-1"),
            ("LogicalResourceId", "Schema"),
            ("PhysicalResourceId", "weir-schema"),
        ] {
            assert_eq!(answer[name], value, "{answer}");
        }
        assert!(self.answers.try_recv().is_err(), "one answer, not two");
        Ok(answer)
    }

    pub(crate) async fn has(&self, table: &str) -> Result<bool> {
        Ok(self
            .database
            .client()
            .await?
            .query_one("SELECT to_regclass($1) IS NOT NULL", &[&table])
            .await?
            .try_get(0)?)
    }
}
