//! After a data error: the batch is bisected under savepoints, until each refused record is tried alone.

use std::ops::Range;

use anyhow::Chain;
use tokio_postgres::Statement;

use super::{Decoded, Refusal, Writer, copy_events};
use crate::{StoreError, Tx, pipeline::Pipeline};

/// Writes what can be written. Returns the number of stale rows and the refused records. Other errors end it.
pub(super) async fn write<'d>(
    writer: &Writer,
    tx: &Tx,
    copy: &Statement,
    decoded: &'d Decoded<'_>,
    max_refused: usize,
) -> Result<(usize, Vec<Refusal<'d>>), StoreError> {
    let all: Vec<usize> = decoded.stored().collect();
    let mut refusals: Vec<Refusal<'_>> = Vec::new();
    let mut by_database = 0;
    let mut stale = 0;
    // A stack, so that the first half goes before the second: two writers then lock rows alike.
    let mut pending: Vec<Range<usize>> = Vec::new();
    pending.push(0..all.len());
    while let Some(range) = pending.pop() {
        if range.is_empty() {
            continue;
        }
        tx.batch("SAVEPOINT half").await?;
        match write_part(writer, tx, copy, decoded, &all[range.clone()]).await {
            Ok(newer) => {
                stale += newer;
                tx.batch("RELEASE SAVEPOINT half").await?;
            }
            Err(error) if error.is_data() => {
                tx.batch("ROLLBACK TO SAVEPOINT half; RELEASE SAVEPOINT half").await?;
                if range.len() > 1 {
                    let middle = range.start + range.len() / 2;
                    pending.push(middle..range.end);
                    pending.push(range.start..middle);
                    continue;
                }
                if !matches!(&error, StoreError::Plugin { error: crate::PluginError::Event { .. }, .. }) {
                    by_database += 1;
                }
                refusals.push(refusal(decoded, all[range.start], &error));
                if by_database > max_refused {
                    let first = refusals.first().map(|r| r.message.clone()).unwrap_or_default();
                    return Err(StoreError::TooManyRefused { refused: by_database, first });
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok((stale, refusals))
}

/// One part, complete: log, projections, plugins, and the constraints that wait for the end.
async fn write_part(writer: &Writer, tx: &Tx, copy: &Statement, decoded: &Decoded<'_>, chosen: &[usize]) -> Result<usize, StoreError> {
    let statements = decoded.upserts(chosen);
    let mut pipeline = Pipeline::default();
    copy_events::copy(tx, copy, decoded, chosen, &mut pipeline).await?;
    for statement in &statements {
        pipeline.send(async { Ok(tx.run(statement).await?) }).await;
    }
    let answers = pipeline.finish().await?;
    writer.apply_plugins(tx, decoded, chosen).await?;
    tx.batch("SET CONSTRAINTS ALL IMMEDIATE").await?;
    let asked: usize = statements.iter().map(|s| s.rows).sum();
    let written: u64 = answers.iter().skip(1).sum();
    Ok(asked.saturating_sub(usize::try_from(written).unwrap_or(usize::MAX)))
}

fn refusal<'d>(decoded: &'d Decoded<'_>, n: usize, error: &StoreError) -> Refusal<'d> {
    let item = &decoded.items()[n];
    let causes = Chain::new(error).skip(1).map(|cause| cause.to_string().replace('\n', " "));
    Refusal {
        record: item.record,
        stream: item.stream,
        event: item.event(),
        class: error.class(),
        message: error.to_string(),
        chain: causes.collect::<Vec<_>>().join("\n"),
    }
}
