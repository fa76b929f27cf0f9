//! Stores a batch in parts after a data error. Each part is under a savepoint, until each refused
//! record was tried alone.
//!
//! A refused part is halved and tried again. After a successful part the next one is longer. So one
//! bad record among many costs about twenty attempts. If every record is bad, each one is tried
//! once, and not once in every part that contains it.

use anyhow::Chain;

use super::{
    Decoded, Refusal, Writer,
    append::{self, CopyLog},
};
use crate::{StoreError, Tx, pipeline::Pipeline};

/// Undoes a refused part. The savepoint stays for the next part.
const UNDO: &str = "ROLLBACK TO SAVEPOINT part";
/// Keeps a part, and begins the next one.
const KEEP: &str = "RELEASE SAVEPOINT part; SAVEPOINT part";

/// The next part of the records.
struct Parts {
    /// The index of its first record.
    at: usize,
    /// The most records of the part.
    size: usize,
    /// The end of a refused part; usually a record before it is bad.
    refused_end: usize,
}

impl Parts {
    fn end(&self, all: usize) -> usize {
        (self.at + self.size).min(all)
    }

    fn went_through(&mut self, end: usize) {
        let before_refused = self.refused_end.saturating_sub(end);
        self.size =
            if before_refused > 0 { (before_refused / 2).max(1) } else { (end - self.at) * 2 };
        self.at = end;
    }

    fn was_refused(&mut self, end: usize) {
        self.refused_end = end;
        self.size = (end - self.at) / 2;
    }

    fn leave_out(&mut self) {
        self.at += 1;
        self.size = 1;
    }
}

/// Writes all records that the database accepts. Returns the number of stale rows and the refused
/// records. Other errors are returned at once.
pub(super) async fn write<'d>(
    writer: &Writer,
    tx: &Tx,
    copy: &CopyLog,
    decoded: &'d Decoded<'_>,
) -> Result<(usize, Vec<Refusal<'d>>), StoreError> {
    let all: Vec<usize> = decoded.stored().collect();
    let mut refusals: Vec<Refusal<'_>> = Vec::new();
    let mut stale = 0;
    let mut parts = Parts { at: 0, size: all.len(), refused_end: 0 };
    let mut before = "SAVEPOINT part";
    // In order from first to last, so that two writers lock rows in the same order.
    while parts.at < all.len() {
        let end = parts.end(all.len());
        match write_part(writer, tx, copy, decoded, &all[parts.at..end], before).await {
            Ok(newer) => {
                stale += newer;
                parts.went_through(end);
                before = KEEP;
            }
            Err(error) if error.is_data() => {
                if end - parts.at > 1 {
                    parts.was_refused(end);
                } else {
                    refusals.push(refusal(decoded, all[parts.at], &error));
                    parts.leave_out();
                }
                before = UNDO;
            }
            Err(error) => return Err(error),
        }
    }
    if before != "SAVEPOINT part" {
        tx.batch(if before == UNDO {
            "ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part"
        } else {
            "RELEASE SAVEPOINT part"
        })
        .await?;
    }
    Ok((stale, refusals))
}

/// Writes one part completely: log, projections, plugins, and the deferred constraints. `before` is
/// the statement that ends the part before it.
async fn write_part(
    writer: &Writer,
    tx: &Tx,
    copy: &CopyLog,
    decoded: &Decoded<'_>,
    chosen: &[usize],
    before: &str,
) -> Result<usize, StoreError> {
    const IMMEDIATE: &str = "SET CONSTRAINTS ALL IMMEDIATE";
    let statements = decoded.upserts(chosen);
    let mut pipeline = Pipeline::default();
    pipeline.send(async { Ok(tx.batch(before).await.map(|()| 0)?) }).await;
    let appended = match append::append(tx, copy, decoded, chosen, &mut pipeline).await {
        Ok(appended) => appended,
        // If an earlier statement failed, its error is the cause.
        Err(error) => return Err(pipeline.finish().await.err().unwrap_or(error)),
    };
    for statement in &statements {
        pipeline.send(async { Ok(tx.run(statement).await?) }).await;
    }
    let without_plugins = writer.plugins.is_empty();
    if without_plugins {
        pipeline.send(async { Ok(tx.batch(IMMEDIATE).await.map(|()| 0)?) }).await;
    }
    let answers = pipeline.finish().await?;
    if !without_plugins {
        writer.apply_plugins(tx, decoded, chosen).await?;
        tx.batch(IMMEDIATE).await?;
    }
    let asked: usize = statements.iter().map(|s| s.rows).sum();
    let written: u64 = answers.iter().skip(1 + appended.answers).sum();
    Ok(asked.saturating_sub(usize::try_from(written).unwrap_or(usize::MAX)))
}

fn refusal<'d>(decoded: &'d Decoded<'_>, n: usize, error: &StoreError) -> Refusal<'d> {
    let item = &decoded.items()[n];
    let causes = Chain::new(error).skip(1).map(|cause| cause.to_string().replace('\n', " "));
    Refusal {
        record: item.record,
        stream: item.stream,
        model: decoded.model_of(item),
        event: item.event(),
        class: error.class(),
        message: error.to_string(),
        chain: causes.collect::<Vec<_>>().join("\n"),
        refused_by: error.refused_by(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the number of attempts, and of records in them, until each bad record was tried
    /// alone.
    fn tries(all: usize, bad: impl Fn(usize) -> bool) -> (usize, usize) {
        let (mut tries, mut records, mut alone) = (0, 0, Vec::new());
        let mut parts = Parts { at: 0, size: all, refused_end: 0 };
        while parts.at < all {
            let end = parts.end(all);
            assert!(end > parts.at && tries < 3 * all + 100, "it goes on");
            (tries, records) = (tries + 1, records + end - parts.at);
            if !(parts.at..end).any(&bad) {
                parts.went_through(end);
            } else if end - parts.at > 1 {
                parts.was_refused(end);
            } else {
                alone.push(parts.at);
                parts.leave_out();
            }
        }
        assert_eq!(alone, (0..all).filter(|n| bad(*n)).collect::<Vec<_>>());
        (tries, records)
    }

    #[test]
    fn each_bad_record_is_tried_alone_at_a_bounded_price() {
        let (all_bad, copied) = tries(10_000, |_| true);
        assert!(all_bad < 10_020 && copied < 30_000, "{all_bad} {copied}");
        let (one_bad, copied) = tries(10_000, |n| n == 7_000);
        assert!(one_bad < 40 && copied < 40_000, "{one_bad} {copied}");
        let (every_second, copied) = tries(10_000, |n| n % 2 == 0);
        assert!(every_second < 20_000 && copied < 60_000, "{every_second} {copied}");
        for bad in [0, 1, 5, 9] {
            tries(10, |n| n == bad);
        }
        tries(7, |n| n == 2 || n == 3 || n == 6);
    }
}
