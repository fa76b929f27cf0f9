//! `weir dump`, `weir dump status`, `weir dump verify`.

use std::{collections::BTreeMap, time::Duration};

use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;
use weir_blob::{Manifest, UtcDay};
use weir_dump::{DayState, DumpError, Dumper, Found, Progress, Standing, Which, status, verify};
use weir_model::{Micros, Models};

use crate::{
    Exit, Settings,
    database::Database,
    dumps,
    output::{print_json, say},
    part, progress,
    settings::{DumpArgs, DumpCommand, DumpedDays},
};

/// The user ends the command if it takes too long.
const NO_DEADLINE: Duration = Duration::from_hours(24 * 365);

pub(super) async fn run(settings: &Settings, models: &Models, args: &DumpArgs) -> Result<(), Exit> {
    // Check the settings before a database is started.
    let config = dumps::config(settings)?;
    config.models(models)?;
    Database::with(settings, async |store| {
        // Flags that contradict the database are an error for every command. The connection for
        // the lock is opened meanwhile, because a new connection takes some milliseconds.
        let (data, opened) = tokio::join!(settings.data(store), store.ping());
        data?;
        opened?;
        let dumper = dumps::dumper(settings, models, store)?;
        match &args.what {
            None => dump(&dumper, args).await,
            Some(DumpCommand::Status(days)) => show(&dumper, days).await,
            Some(DumpCommand::Verify(days)) => check(&dumper, days).await,
        }
    })
    .await
}

/// The days that a dump in several parts has tried.
#[derive(Debug, Default, Serialize, Deserialize)]
struct DumpedParts {
    /// The last day of a range that is not dumped yet.
    to: Option<UtcDay>,
    /// The days that could not be dumped, each with the reason.
    failed: BTreeMap<String, String>,
}

async fn dump(dumper: &Dumper, args: &DumpArgs) -> Result<(), Exit> {
    let now = dumps::now();
    let today = UtcDay::from_number(now.day())
        .ok_or_else(|| Exit::failed("the clock of this machine is wrong: set it"))?;
    let before: Option<DumpedParts> = part::state()?;
    let is_first = before.is_none();
    let mut parts = before.unwrap_or_default();
    let which = match (args.dump_date, args.from, args.to) {
        (Some(day), ..) => Which::Day(day),
        (None, Some(from), Some(to)) => Which::Range(from, parts.to.unwrap_or(to)),
        _ if is_first => Which::Daily,
        _ => Which::Due,
    };
    let deadline = part::limit().unwrap_or_else(|| Instant::now() + NO_DEADLINE);
    let bar = progress::rows("dumping");
    let outcome = dumper.run(which, today, now, deadline, &|heard| hear(&bar, heard)).await;
    bar.finish_and_clear();
    let outcome = outcome?;
    for done in &outcome.done {
        say!("dumped {} {}: {} rows, {} bytes", done.model, done.day, done.rows, done.bytes);
    }
    for (model, day) in &outcome.kept {
        say!("skipped {model} {day}: the existing snapshot is kept");
    }
    for (model, day, error) in &outcome.failed {
        say!("failed {model} {day}: {error}");
    }
    for done in &outcome.done {
        parts.failed.remove(&format!("{} {}", done.model, done.day));
    }
    for (model, day, error) in &outcome.failed {
        parts.failed.insert(format!("{model} {day}"), error.to_string());
    }
    if outcome.left > 0 {
        let tried = outcome.done.iter().map(|done| done.day);
        let last = tried.chain(outcome.failed.iter().map(|(_, day, _)| *day)).min();
        let is_stuck = match which {
            // A range begins again with the first model of its last day.
            Which::Range(_, to) => last.is_none_or(|last| last == to),
            // A failed day is tried again.
            Which::Daily | Which::Due => outcome.done.is_empty(),
            Which::Day(_) => true,
        };
        if is_stuck {
            return Err(Exit::failed(
                "a day takes longer than the function may run: give fewer --models, or dump it \
                    from a machine in the VPC",
            ));
        }
        parts.to = last;
        return Err(part::go_on(&parts));
    }
    match parts.failed.len() {
        0 => Ok(()),
        1 => Err(outcome
            .failed
            .into_iter()
            .next()
            .map_or_else(|| Exit::failed("a day was not dumped"), |(.., error)| error.into())),
        many => Err(Exit::failed(format!(
            "{many} days were not dumped; the reason of the first is: {}",
            parts.failed.into_values().next().unwrap_or_default()
        ))),
    }
}

fn hear(bar: &ProgressBar, heard: Progress<'_>) {
    match heard {
        Progress::Day(model, day, n, of) => {
            bar.set_message(format!("{n}/{of} {model} {day}"));
            bar.set_position(0);
        }
        Progress::Rows(rows) => bar.set_position(rows),
    }
}

fn range(days: &DumpedDays) -> (UtcDay, UtcDay) {
    (days.from.unwrap_or(UtcDay::FIRST), days.to.unwrap_or(UtcDay::LAST))
}

async fn show(dumper: &Dumper, days: &DumpedDays) -> Result<(), Exit> {
    let (from, to) = range(days);
    let states = status(dumper, from, to).await?;
    if days.json {
        print_json(&states.iter().map(of_state).collect::<Value>());
        return Ok(());
    }
    for state in &states {
        say!("{:<12} {} {:<8}{}", state.model, state.day, state.standing.as_str(), about(state));
    }
    let count = |standing| states.iter().filter(|s| s.standing == standing).count();
    let (dumped, stale, missing) =
        (count(Standing::Dumped), count(Standing::Stale), count(Standing::Missing));
    say!("{dumped} dumped, {stale} stale, {missing} missing in {}", dumper.blobs.url());
    Ok(())
}

fn of_state(state: &DayState) -> Value {
    json!({
        "model": state.model, "day": state.day.to_string(), "state": state.standing.as_str(),
        "rows": state.rows, "bytes": state.bytes,
        "dumped_at": state.dumped_at.map(Micros::rfc3339_millis),
        "verified_at": state.verified_at.map(Micros::rfc3339_millis),
    })
}

fn about(state: &DayState) -> String {
    let (Some(rows), Some(bytes), Some(dumped_at)) = (state.rows, state.bytes, state.dumped_at)
    else {
        return String::new();
    };
    let verified = state
        .verified_at
        .map(|at| format!(", verified {}", at.rfc3339_millis()))
        .unwrap_or_default();
    format!("{rows} rows, {bytes} bytes, {}{verified}", dumped_at.rfc3339_millis())
}

async fn check(dumper: &Dumper, days: &DumpedDays) -> Result<(), Exit> {
    let (from, to) = range(days);
    let states = status(dumper, from, to).await?;
    let there: Vec<&DayState> = states.iter().filter(|s| s.standing != Standing::Missing).collect();
    let bar = progress::rows("verifying");
    let mut wrong = Vec::new();
    let mut results = Vec::new();
    for state in &there {
        let (model, day) = (&state.model, state.day);
        bar.set_message(format!("verifying {model} {day}"));
        let heard = |done, _| bar.set_position(done);
        let verified =
            verify(&dumper.store, &dumper.models, &dumper.blobs, model, day, dumps::now(), &heard)
                .await;
        if days.json {
            results.push(of_verified(state, &verified));
        } else {
            bar.suspend(|| say_verified(state, &verified));
        }
        wrong.extend(verified.err());
    }
    bar.finish_and_clear();
    if days.json {
        print_json(&results.into());
    }
    match wrong.first() {
        None => Ok(()),
        Some(first) => Err(Exit::failed(format!(
            "{} of {} days are wrong; the reason of the first is: {first}",
            wrong.len(),
            there.len()
        ))),
    }
}

fn of_verified(state: &DayState, verified: &Result<(Manifest, Found), DumpError>) -> Value {
    let (result, rows, files, error) = match verified {
        Ok((manifest, found)) => {
            let result = match found {
                Found::Equal => "equal",
                Found::StateOfThen => "complete",
                Found::Stale => "stale",
                Found::Removed => "removed",
            };
            (result, Some(manifest.rows), Some(manifest.files.len()), None)
        }
        Err(error) => ("wrong", None, None, Some(error.to_string())),
    };
    json!({
        "model": state.model, "day": state.day.to_string(), "result": result, "rows": rows,
        "files": files, "error": error,
    })
}

fn say_verified(state: &DayState, verified: &Result<(Manifest, Found), DumpError>) {
    let (model, day) = (&state.model, state.day);
    match verified {
        Ok((manifest, Found::Equal)) => {
            say!("equal {model} {day}: {} rows in {} files", manifest.rows, manifest.files.len());
        }
        Ok((manifest, Found::StateOfThen)) => say!(
            "complete {model} {day}: {} rows, the state at the time of the dump",
            manifest.rows
        ),
        Ok((manifest, Found::Removed)) => say!(
            "complete {model} {day}: {} rows, which retention removed from the database",
            manifest.rows
        ),
        Ok((_, Found::Stale)) => say!(
            "stale {model} {day}: the files are complete, and the next run dumps the day again"
        ),
        Err(error) => say!("wrong {model} {day}: {error}"),
    }
}
