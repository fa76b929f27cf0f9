//! `weir failures list|show|retry|discard`: the API's own routes, asked in this process.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Method, Request, StatusCode, Uri},
};
use serde_json::Value;
use tower::ServiceExt;
use weir_api::{ApiState, DatabaseHealth};
use weir_http::{Access, HttpLimits, Problem, ReadConnection};
use weir_model::Models;
use weir_plugin::Plugins;

use crate::{
    Exit, Settings,
    database::Database,
    output::say,
    progress,
    settings::{FailuresCommand, WhichFailures},
};

/// An answer of the API has at most this many bytes here: a page of failures is cut at 32 MB by the API itself.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

pub(super) async fn run(settings: &Settings, models: &Models, plugins: &Plugins, what: &FailuresCommand) -> Result<(), Exit> {
    let database = Database::open_or_join(settings).await?;
    let writer = settings.ingest.writer_on(database.store.clone(), models, plugins)?;
    let reader = ReadConnection::new(database.store.clone());
    let health = Arc::new(DatabaseHealth(reader.clone()));
    let state = ApiState::new(writer, reader, Access::Open, HttpLimits::default(), health, env!("CARGO_PKG_VERSION"));
    let done = Api(weir_api::routes(state, &Plugins::default())).run(what).await;
    let closed = database.close().await;
    done.and(closed)
}

struct Api(Router);

impl Api {
    async fn run(&self, what: &FailuresCommand) -> Result<(), Exit> {
        match what {
            FailuresCommand::List { which, limit, json } => self.list(which, *limit, *json).await,
            FailuresCommand::Show { id } => {
                let failure = self.ask(Method::GET, &["/v1/failures/", id].concat()).await?;
                say!("{}", serde_json::to_string_pretty(&failure).map_err(Exit::failed)?);
                Ok(())
            }
            FailuresCommand::Retry { ids, all: false, .. } => self.retry(ids).await,
            FailuresCommand::Retry { which, .. } => self.retry_all(which).await,
            FailuresCommand::Discard { ids } => {
                for id in ids {
                    self.ask(Method::DELETE, &["/v1/failures/", id].concat()).await?;
                    say!("{id} discarded");
                }
                Ok(())
            }
        }
    }

    async fn list(&self, which: &WhichFailures, limit: u16, json: bool) -> Result<(), Exit> {
        let list = self.ask(Method::GET, &format!("/v1/failures?limit={limit}{}", query(which))).await?;
        if json {
            say!("{list}");
            return Ok(());
        }
        let all = list.as_array().map(Vec::as_slice).unwrap_or_default();
        for failure in all {
            let text = |name: &str| failure[name].as_str().unwrap_or_default();
            say!(
                "{:<32} {} {:>3}x {}: {}",
                text("id"),
                text("created_at"),
                failure["attempts"],
                text("error_class"),
                text("error_message")
            );
        }
        let count = self.ask(Method::GET, &format!("/v1/failures/count?{}", query(which))).await?;
        say!("{} of {} failures", all.len(), count["count"]);
        Ok(())
    }

    async fn retry(&self, ids: &[String]) -> Result<(), Exit> {
        let mut refused = 0;
        for id in ids {
            match self.ask(Method::POST, &format!("/v1/failures/{id}/retry")).await {
                Ok(answer) if answer["acknowledged"] == true => say!("{id} stored"),
                Ok(_) => say!("{id} skipped, or stored already; it is no failure any more"),
                Err(error) if ids.len() > 1 => {
                    say!("{id} {error}");
                    refused += 1;
                }
                Err(error) => return Err(error),
            }
        }
        if refused > 0 { Err(Exit::failed(format!("{refused} of {} were not stored", ids.len()))) } else { Ok(()) }
    }

    async fn retry_all(&self, which: &WhichFailures) -> Result<(), Exit> {
        let count = self.ask(Method::GET, &format!("/v1/failures/count?{}", query(which))).await?;
        let total = count["count"].as_u64().unwrap_or_default();
        let bar = progress::bar("retrying");
        bar.set_length(total);
        let (mut stored, mut skipped, mut refused) = (0, 0, 0);
        while stored + skipped + refused < total {
            let done = self.ask(Method::POST, &format!("/v1/failures/retry?limit=100{}", query(which))).await?;
            let number = |name: &str| done[name].as_u64().unwrap_or_default();
            let now = number("acknowledged") + number("skipped") + number("failed");
            (stored, skipped, refused) = (stored + number("acknowledged"), skipped + number("skipped"), refused + number("failed"));
            bar.set_position(stored + skipped + refused);
            // Somebody else was here meanwhile.
            if now == 0 {
                break;
            }
        }
        bar.finish_and_clear();
        say!("{stored} stored, {skipped} skipped, {refused} refused again");
        if refused > 0 { Err(Exit::failed("see `weir failures list` for the reasons")) } else { Ok(()) }
    }

    /// The answer's JSON; a problem's words as the error.
    async fn ask(&self, method: Method, path: &str) -> Result<Value, Exit> {
        let uri: Uri = path.parse().map_err(|_| Exit::usage("this is no id: `weir failures list` prints them"))?;
        let request = Request::builder().method(method).uri(uri).body(Body::empty()).map_err(Exit::failed)?;
        let Ok(answer) = self.0.clone().oneshot(request).await;
        if let Some(problem) = answer.extensions().get::<Problem>() {
            let line = format!("{}; {}", problem.detail, problem.hint);
            return Err(if problem.status == StatusCode::NOT_FOUND { Exit::usage(line) } else { Exit::failed(line) });
        }
        if !answer.status().is_success() {
            return Err(Exit::usage("this is no id: `weir failures list` prints them"));
        }
        let body = to_bytes(answer.into_body(), ANSWER_BYTES_MAX).await.map_err(Exit::failed)?;
        serde_json::from_slice(&body).map_err(Exit::failed)
    }
}

/// The filters, each behind a `&`.
fn query(which: &WhichFailures) -> String {
    let WhichFailures { topic, partition, entity_id, event_type } = which;
    let partition = partition.map(|n| n.to_string());
    let all = [("topic", topic), ("partition", &partition), ("entity_id", entity_id), ("event_type", event_type)];
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in all {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let query = query.finish();
    if query.is_empty() { query } else { ["&", &query].concat() }
}
