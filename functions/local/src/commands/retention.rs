//! `weir retention --keep 400d`.

use serde_json::{Value, json};
use weir_dump::{ForcedMonth, forced_months, retain};
use weir_model::Models;

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
        && !Database::exists(settings)
    {
        return Err(unsaid());
    }
    dumps::config(settings)?.models(models)?;
    let retention = Database::with(settings, async |store| {
        let dumper = dumps::dumper(settings, models, store)?;
        let days = settings.data(store).await?.keep.ok_or_else(unsaid)?;
        if !forced.is_empty() {
            plan(&forced_months(&dumper, days, dumps::now(), forced).await?)
                .confirm(confirmation)
                .await?;
        }
        let spinner = progress::spinner("looking for old months");
        let retention = retain(&dumper, days, dumps::now(), forced, &|what| {
            spinner.set_message(what.to_owned());
        })
        .await;
        spinner.finish_and_clear();
        Ok((retention?, days))
    });
    let (retention, days) = retention.await?;
    if json {
        let dropped = retention
            .dropped
            .iter()
            .map(|month| json!({"table": month.month_table, "records": month.records}));
        let kept = retention
            .kept
            .iter()
            .map(|month| json!({"table": month.month_table, "undumped_days": month.days}));
        print_json(&json!({
            "keep_days": days,
            "dropped": dropped.collect::<Value>(),
            "kept": kept.collect::<Value>(),
        }));
    } else {
        for month in &retention.dropped {
            say!("dropped {}: {} records", month.month_table, month.records);
        }
        for month in &retention.kept {
            say!("kept {}: {month}", month.month_table);
        }
        if retention.dropped.is_empty() && retention.kept.is_empty() {
            say!("no month is older than {days} days");
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
    what.push(
        "other old months will be dropped if each of their days is dumped and verified, as without \
        --force"
            .to_owned(),
    );
    Plan {
        what,
        undo: "`weir restore --model events --day DAY` restores dumped days. Other days cannot be \
            restored: run `weir dump` for them first"
            .to_owned(),
    }
}
