//! `weir failures list|summary|show|retry|discard`: the same as the API's routes, without HTTP.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;
use weir_api::{
    ApiState, ClassCount, DatabaseHealth, FailureFilter, RecordFilter, count_failures,
    discard_failure, find_failure, list_failures, retry_failure, retry_failures,
    summarize_failures,
};
use weir_http::{Access, HttpLimits, ReadConnection};
use weir_model::Models;
use weir_plugin::Plugins;
use weir_store::event_id::EventId;

use crate::{
    Exit, Settings,
    confirm::{Confirmation, Plan},
    database::Database,
    output::{print_json, say},
    part, progress,
    settings::{FailuresCommand, WhichFailures},
};

/// The number of failures retried between two steps of the progress bar, and the longest time
/// between them.
const RETRIES_PER_STEP: i64 = 100;
const STEP_TIME_MAX: Duration = Duration::from_secs(30);

pub(super) async fn run(
    settings: &Settings,
    models: &Models,
    plugins: &Plugins,
    what: &FailuresCommand,
) -> Result<(), Exit> {
    Database::with(settings, async |store| {
        let writer = settings.writer(store, models, plugins).await?;
        let reader = ReadConnection::new(store.clone());
        let health = Arc::new(DatabaseHealth(reader.clone()));
        let state = ApiState::new(
            writer,
            reader,
            Access::Open,
            HttpLimits::default(),
            health,
            env!("CARGO_PKG_VERSION"),
        );
        match what {
            FailuresCommand::List { which, limit, json } => {
                list(&state, which, *limit, *json).await
            }
            FailuresCommand::Summary { topic, json } => summary(&state, topic.clone(), *json).await,
            FailuresCommand::Show { id } => show(&state, id).await,
            FailuresCommand::Retry { ids, all: false, .. } => retry(&state, ids).await,
            FailuresCommand::Retry { which, .. } => retry_all(&state, which).await,
            FailuresCommand::Discard { ids, confirmation } => {
                discard(&state, ids, *confirmation).await
            }
        }
    })
    .await
}

async fn list(state: &ApiState, which: &WhichFailures, limit: u16, json: bool) -> Result<(), Exit> {
    let filter = filter(state, which).await?;
    let list: Value =
        serde_json::from_slice(&list_failures(state, filter.clone(), limit.into()).await?)
            .map_err(Exit::failed)?;
    if json {
        say!("{list}");
        return Ok(());
    }
    let all = list.as_array().map(Vec::as_slice).unwrap_or_default();
    for failure in all {
        let text = |name: &str| failure[name].as_str().unwrap_or_default();
        let (id, created_at, attempts) = (text("id"), text("created_at"), &failure["attempts"]);
        say!(
            "{id:<32} {created_at} {attempts:>3}x {}: {}",
            text("error_class"),
            text("error_message")
        );
    }
    say!("{} of {} failures", all.len(), count_failures(state, filter).await?);
    Ok(())
}

async fn summary(state: &ApiState, topic: Option<String>, json: bool) -> Result<(), Exit> {
    let records =
        RecordFilter { topics: topic.map(|topic| vec![topic]), ..RecordFilter::default() };
    let counts = summarize_failures(state, FailureFilter::new(state, records, None).await?).await?;
    if json {
        print_json(&serde_json::to_value(&counts).map_err(Exit::failed)?);
        return Ok(());
    }
    for ClassCount { topic, group_id, error_class, count } in &counts {
        say!("{count:>9} {error_class:<24} {topic}, group {group_id}");
    }
    say!("{} failures", counts.iter().map(|one| one.count).sum::<i64>());
    Ok(())
}

async fn show(state: &ApiState, id: &str) -> Result<(), Exit> {
    let failure: Value = serde_json::from_slice(&find_failure(state, &event_id(id)?).await?)
        .map_err(Exit::failed)?;
    say!("{failure:#}");
    Ok(())
}

async fn discard(state: &ApiState, ids: &[String], confirmation: Confirmation) -> Result<(), Exit> {
    let mut what = Vec::new();
    for id in ids {
        let failure: Value = serde_json::from_slice(&find_failure(state, &event_id(id)?).await?)
            .map_err(Exit::failed)?;
        let text = |name: &str| failure[name].as_str().unwrap_or_default();
        what.push(format!(
            "{id} will be discarded: {}: {}",
            text("error_class"),
            text("error_message")
        ));
    }
    let undo = "a discarded record cannot be restored, because its bytes are deleted; `weir \
        failures show ID` prints them before that"
        .to_owned();
    Plan { what, undo }.confirm(confirmation).await?;
    for id in ids {
        discard_failure(state, &event_id(id)?).await?;
        say!("{id} discarded");
    }
    Ok(())
}

async fn retry(state: &ApiState, ids: &[String]) -> Result<(), Exit> {
    let retry_one =
        async |id: &str| Ok::<_, Exit>(retry_failure(state, &event_id(id)?).await?.acknowledged);
    let mut refused = 0;
    for id in ids {
        match retry_one(id).await {
            Ok(true) => say!("{id} stored"),
            Ok(false) => say!("{id} was skipped or already stored; it is no longer a failure"),
            Err(error) if ids.len() > 1 => {
                say!("{id} {error}");
                refused += 1;
            }
            Err(error) => return Err(error),
        }
    }
    if refused > 0 {
        Err(Exit::failed(format!("{refused} of {} records were not stored", ids.len())))
    } else {
        Ok(())
    }
}

/// The numbers of retried failures.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct RetriedAll {
    total: u64,
    stored: u64,
    skipped: u64,
    refused: u64,
}

impl RetriedAll {
    fn sum(self) -> u64 {
        self.stored + self.skipped + self.refused
    }
}

async fn retry_all(state: &ApiState, which: &WhichFailures) -> Result<(), Exit> {
    let filter = filter(state, which).await?;
    let mut so_far = if let Some(so_far) = part::state()? {
        so_far
    } else {
        let total = count_failures(state, filter.clone()).await?;
        RetriedAll { total: u64::try_from(total).unwrap_or_default(), ..RetriedAll::default() }
    };
    let bar = progress::bar("retrying");
    bar.set_length(so_far.total);
    while so_far.sum() < so_far.total {
        // A refused record stays a failure. No more than all are retried, so none is retried twice.
        let left = i64::try_from(so_far.total - so_far.sum()).unwrap_or(RETRIES_PER_STEP);
        let (limit, deadline) = (left.min(RETRIES_PER_STEP), Instant::now() + STEP_TIME_MAX);
        let done = retry_failures(state, filter.clone(), limit, deadline).await?;
        so_far.stored += done.acknowledged;
        so_far.skipped += done.skipped;
        so_far.refused += done.failed;
        bar.set_position(so_far.sum());
        // Another program has retried the rest in the meantime.
        if done.acknowledged + done.skipped + done.failed == 0 {
            break;
        }
        if part::is_over() && so_far.sum() < so_far.total {
            return Err(part::go_on(&so_far));
        }
    }
    bar.finish_and_clear();
    let RetriedAll { stored, skipped, refused, .. } = so_far;
    say!("{stored} stored, {skipped} skipped, {refused} refused again");
    if refused > 0 { Err(Exit::failed("see `weir failures list` for the reasons")) } else { Ok(()) }
}

fn event_id(text: &str) -> Result<EventId, Exit> {
    text.parse()
        .map_err(|()| Exit::usage(format!("{text:?} is not an id: see `weir failures list`")))
}

async fn filter(state: &ApiState, which: &WhichFailures) -> Result<FailureFilter, Exit> {
    let WhichFailures { topic, partition, entity_id, event_type, error_class } = which.clone();
    let records = RecordFilter {
        topics: topic.map(|topic| vec![topic]),
        partition,
        entity_id,
        event_type,
        ..RecordFilter::default()
    };
    Ok(FailureFilter::new(state, records, error_class).await?)
}
