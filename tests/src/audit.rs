//! Checks of the stored rows: every record is stored once, and two databases have the same rows.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::ensure;
use tokio_postgres::Client;

use crate::traffic::Place;

/// The rows of every table as text, by consumer group. Arrival times and the database's error texts
/// are left out. Stream ids are replaced by topics.
pub type Rows = BTreeMap<String, Vec<String>>;

const ROWS: &str = "-- audit_rows
SELECT s.group_id, x.kind || ' ' || s.topic || ' ' || s.epoch || ' ' || x.row_text
FROM (
    SELECT e.stream, 'event' AS kind, (to_jsonb(e) - 'stream' - 'arrived_at')::text AS row_text FROM events e
    UNION ALL
    SELECT f.stream, 'failure', (to_jsonb(f) - 'stream' - 'created_at' - 'last_attempt_at' - 'error_chain')::text FROM failures f
    UNION ALL
    SELECT b.stream, 'build', (to_jsonb(b) - 'stream')::text FROM builds b
    UNION ALL
    SELECT r.stream, 'reading', (to_jsonb(r) - 'stream')::text FROM readings r
    UNION ALL
    SELECT t.stream, 'total', (to_jsonb(t) - 'stream')::text FROM daily_totals.totals t
    UNION ALL
    SELECT p.stream, 'partition', p.partition || ' ' || p.next_offset FROM stream_partitions p
) AS x
JOIN streams s ON s.id = x.stream
WHERE $1::text IS NULL OR s.group_id = $1
ORDER BY 1, 2";

/// Returns the rows of one consumer group, or of all groups.
pub async fn rows(sql: &Client, group: Option<&str>) -> anyhow::Result<Rows> {
    let mut all = Rows::new();
    for row in sql.query(ROWS, &[&group]).await? {
        all.entry(row.try_get(0)?).or_default().push(row.try_get(1)?);
    }
    Ok(all)
}

/// Fails unless two databases have the same rows. The error names the group that differs.
pub async fn equal(this: &Client, clean: &Client) -> anyhow::Result<()> {
    let (this, clean) = (rows(this, None).await?, rows(clean, None).await?);
    ensure!(
        !clean.is_empty() && this.keys().eq(clean.keys()),
        "groups {:?} instead of {:?}",
        this.keys(),
        clean.keys()
    );
    for (group, wanted) in &clean {
        same(group, &this[group], wanted)?;
    }
    Ok(())
}

/// Fails unless two lists of rows are equal. The error has the differences.
pub fn same(group: &str, rows: &[String], wanted: &[String]) -> anyhow::Result<()> {
    let lines = |rows: &[String], other: &[String]| {
        rows.iter().filter(|row| !other.contains(row)).cloned().collect::<Vec<_>>().join("\n")
    };
    ensure!(
        rows == wanted,
        "group {group} has\n{}\ninstead of\n{}",
        lines(rows, wanted),
        lines(wanted, rows)
    );
    Ok(())
}

const PLACES: &str = "-- audit_places
SELECT s.topic, x.partition, x.\"offset\"
FROM (SELECT stream, partition, \"offset\" FROM events UNION ALL SELECT stream, partition, \"offset\" FROM failures) AS x
JOIN streams s ON s.id = x.stream
WHERE s.group_id = $1";

/// Returns the coordinates of the stored records of a group, with duplicates. Waits for running
/// batches.
pub async fn places(sql: &Client, group: &str) -> anyhow::Result<Vec<Place>> {
    const WAIT: &str = "-- audit_wait
SELECT FROM stream_partitions p JOIN streams s ON s.id = p.stream WHERE s.group_id = $1 ORDER BY p.stream, p.partition FOR NO KEY UPDATE OF p";
    sql.query(WAIT, &[&group]).await?;
    sql.query(PLACES, &[&group])
        .await?
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)))
        .collect()
}

/// Fails unless exactly these records are stored, each once. Records that were removed on purpose
/// count as stored.
pub fn exactly_once(stored: &[Place], wanted: &BTreeSet<Place>) -> anyhow::Result<()> {
    let mut counts: BTreeMap<&Place, usize> = BTreeMap::new();
    for place in stored {
        *counts.entry(place).or_default() += 1;
    }
    let lost: Vec<_> = wanted.iter().filter(|place| !counts.contains_key(place)).collect();
    let doubled: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
    let foreign: Vec<_> = counts.keys().filter(|place| !wanted.contains(**place)).collect();
    ensure!(
        lost.is_empty() && doubled.is_empty() && foreign.is_empty(),
        "{} lost {lost:?}, {} doubled {doubled:?}, {} foreign {foreign:?}",
        lost.len(),
        doubled.len(),
        foreign.len()
    );
    Ok(())
}
