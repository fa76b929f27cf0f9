//! `weir retention --keep 400d`: moves old months of the log to the archive, drops those of series,
//! and shows the series.

use indicatif::HumanBytes;
use serde_json::{Value, json};
use weir_dump::{ForcedMonth, SeriesState, forced_months, older_than, retain, series_states};
use weir_model::{Micros, Models};
use weir_store::{retention::Retention, series::SeriesTable};

use crate::{
    Exit, Settings,
    confirm::{Confirmation, Plan},
    database::Database,
    dumps,
    output::{print_json, say},
    progress,
};

pub(super) async fn run(
    settings: &Settings,
    models: &Models,
    forced: &[String],
    dry_run: bool,
    json: bool,
    confirmation: Confirmation,
) -> Result<(), Exit> {
    let unsaid = || {
        Exit::usage(
            "no retention is set: give --keep with the number of days, for example --keep 400d",
        )
    };
    if settings.ingest.data.keep.is_none()
        && settings.tables.keep.is_none()
        && settings.tables.keep_series.is_empty()
        && !Database::exists(settings)
    {
        return Err(unsaid());
    }
    dumps::config(settings)?.models(models)?;
    let done = Database::with(settings, async |store| {
        let dumper = dumps::dumper(settings, models, store)?;
        let keep = settings.data(store).await?.keep;
        if dry_run {
            return Ok((Retention::default(), series_states(&dumper, &keep).await?, keep));
        }
        if keep.is_forever() {
            return Err(unsaid());
        }
        if !forced.is_empty() {
            plan(&forced_months(&dumper, &keep, dumps::now(), forced).await?)
                .confirm(confirmation)
                .await?;
        }
        let spinner = progress::spinner("looking for old months");
        let retention = retain(&dumper, &keep, dumps::now(), forced, &|what| {
            spinner.set_message(what.to_owned());
        })
        .await;
        spinner.finish_and_clear();
        Ok((retention?, series_states(&dumper, &keep).await?, keep))
    });
    let (retention, series, keep) = done.await?;
    if json {
        let dropped = retention
            .dropped
            .iter()
            .map(|month| json!({"table": month.month_table, "records": month.records, "archived": month.is_archived}));
        let kept = retention
            .kept
            .iter()
            .map(|month| json!({"table": month.month_table, "undumped_days": month.days, "days_without_parquet": month.no_parquet}));
        print_json(&json!({
            "keep_days": keep.log,
            "dropped": dropped.collect::<Value>(),
            "kept": kept.collect::<Value>(),
            "series": series.iter().map(as_json).collect::<Value>(),
        }));
    } else {
        for month in &retention.dropped {
            let how = if month.is_archived { "archived" } else { "dropped" };
            say!("{how} {}: {} records", month.month_table, month.records);
        }
        for month in &retention.kept {
            say!("kept {}: {month}", month.month_table);
        }
        if retention.dropped.is_empty() && retention.kept.is_empty() && !dry_run {
            match keep.log {
                Some(days) => say!("no month is older than {days} days"),
                None => say!("no month is old"),
            }
        }
        if dry_run || !keep.series.is_empty() {
            series.iter().for_each(say_series);
        }
    }
    if retention.kept.is_empty() {
        Ok(())
    } else {
        Err(Exit::failed(
            "some old months are kept, because their days are not dumped and verified",
        ))
    }
}

/// Returns whether a month of a series is older than the series is kept.
fn is_old(series: &SeriesState, table: &SeriesTable) -> bool {
    let before = series.keep_days.map(|days| older_than(days, dumps::now()));
    matches!((before, table.month), (Some(before), Some((_, end))) if end <= before)
}

fn as_json(series: &SeriesState) -> Value {
    let instant = |at: Option<Micros>| at.map(Micros::rfc3339_millis);
    let tables = series.tables.iter().map(|table| {
        let mut shown = json!({"table": table.name, "bytes": table.bytes});
        match table.others {
            Some((records, first, last)) => {
                shown["records"] = records.into();
                shown["first"] = instant(first).into();
                shown["last"] = instant(last).into();
            }
            None => shown["is_old"] = is_old(series, table).into(),
        }
        shown
    });
    json!({
        "model": series.model, "keep_days": series.keep_days, "tables": tables.collect::<Value>(),
    })
}

fn say_series(series: &SeriesState) {
    match series.keep_days {
        Some(days) => say!("{} is kept {days} days:", series.model),
        None => say!("{} is kept forever:", series.model),
    }
    for table in &series.tables {
        let size = HumanBytes(u64::try_from(table.bytes).unwrap_or(0));
        match table.others {
            Some((0, ..)) => say!("  {}  {size}  no rows", table.name),
            Some((records, first, last)) => {
                let day = |at: Option<Micros>| {
                    at.map(|at| at.rfc3339_millis().chars().take(10).collect::<String>())
                        .unwrap_or_default()
                };
                say!(
                    "  {}  {size}  {records} rows of months without a table, from {} to {}",
                    table.name,
                    day(first),
                    day(last)
                );
            }
            None if is_old(series, table) => say!("  {}  {size}  old", table.name),
            None => say!("  {}  {size}", table.name),
        }
    }
}

fn plan(months: &[ForcedMonth]) -> Plan {
    let line = |month: &ForcedMonth| match month.undumped.len() {
        0 => format!("{} will be dropped; all its days are dumped", month.month_table),
        n => {
            format!(
                "{} will be dropped, although {n} of its days are not dumped, or changed after \
                    their dump: {}",
                month.month_table,
                month.undumped.join(", ")
            )
        }
    };
    let mut what: Vec<String> = months.iter().map(line).collect();
    for month in
        months.iter().filter(|month| !month.undumped.is_empty() && !month.topics.is_empty())
    {
        what.push(format!(
            "records of {} on these days can then neither be listed nor replayed, and no model of \
                these topics can be rebuilt from the log alone: {}",
            month.month_table,
            month.topics.join(", ")
        ));
    }
    what.push(
        "other old months will be dropped if each of their days is dumped and verified, as without \
        --force"
            .to_owned(),
    );
    Plan {
        what,
        undo: "`weir restore --model MODEL --day DAY` restores dumped days. Other days cannot be \
            restored: run `weir dump` for them first"
            .to_owned(),
    }
}
