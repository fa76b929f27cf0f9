//! Archived events in the lists of events.
//!
//! A list reads the database first, and then which files the archive has. Retention drops a month
//! and notes its files in one transaction. So a month that it drops in between is in both, and its
//! events are shown once. In the other order they would be missing.

use std::cmp::Reverse;

use tokio_postgres::{Row, types::Type};
use weir_archive::{Key, PageFilter};
use weir_http::SqlParam;
use weir_model::Micros;
use weir_store::{
    archive::{ArchivedFile, ArchivedRecord, FILES_OF_EVENT, FILES_OF_PAGE},
    event_id::EventId,
};

use crate::{ApiError, ApiState};

/// The column with the latest time of an event in the archive, in statements that return it.
const NEWEST_ARCHIVED: &str = "newest_archived";

/// The archived part of a list of events.
#[derive(Debug, Clone, Default)]
pub(crate) struct ArchivedList {
    /// Only these topics.
    pub(crate) topics: Option<Vec<String>>,
    /// Only this consumer group.
    pub(crate) group_id: Option<String>,
    /// The other filters.
    pub(crate) filter: PageFilter,
}

/// Events of the database and the archive, the newest first.
pub(crate) struct Merged {
    pub(crate) rows: Vec<Row>,
    /// The time down to which the rows are complete, if the archive was not read to its end.
    pub(crate) reached: Option<Micros>,
}

/// Returns the key of a row of a list of events.
fn key(row: &Row) -> Result<Key, tokio_postgres::Error> {
    let micros = |at: Micros| at.0;
    Ok(Key {
        event_time: row.try_get::<_, Option<_>>("event_time")?.map_or(i64::MIN, micros),
        arrived_at: row.try_get("arrived_at").map(micros)?,
        stream: row.try_get("stream")?,
        partition: row.try_get("partition")?,
        offset: row.try_get("offset")?,
    })
}

impl ArchivedList {
    /// Returns whether the archive may have events of a page. `rows` are those of the database, and
    /// `is_full` tells whether they fill the page.
    pub(crate) async fn matters(
        &self,
        state: &ApiState,
        rows: &[Row],
        is_full: bool,
    ) -> Result<bool, ApiError> {
        // Frequent statements return it with each row, which saves a second one.
        let newest = rows.first().and_then(|row| row.try_get(NEWEST_ARCHIVED).ok());
        let newest: Option<Micros> = match newest {
            Some(newest) => newest,
            None => state.newest_archived().await?,
        };
        let Some(newest) = newest else { return Ok(false) };
        let last = rows.last().filter(|_| is_full).map(key).transpose()?;
        let last = last.map(|last| last.event_time);
        Ok(last.max(self.filter.from).is_none_or(|oldest| newest.0 >= oldest))
    }

    /// Adds the archived events of a page to the rows of the database, at most `limit` together.
    pub(crate) async fn merge(
        &self,
        state: &ApiState,
        mut rows: Vec<Row>,
        limit: usize,
        after: Option<Key>,
    ) -> Result<Merged, ApiError> {
        let last = if rows.len() >= limit { rows.last().map(key).transpose()? } else { None };
        let filter = &self.filter;
        let instant = |at: Option<i64>| at.map(Micros);
        let (from, to) = (instant(filter.from), instant(filter.to));
        let (after_time, last_time) =
            (instant(after.map(|key| key.event_time)), instant(last.map(|key| key.event_time)));
        let params: [SqlParam<'_>; 7] = [
            (&self.topics, Type::TEXT_ARRAY),
            (&self.group_id, Type::TEXT),
            (&filter.partition, Type::INT4),
            (&from, Type::TIMESTAMPTZ),
            (&to, Type::TIMESTAMPTZ),
            (&after_time, Type::TIMESTAMPTZ),
            (&last_time, Type::TIMESTAMPTZ),
        ];
        let files = state.lists.rows(FILES_OF_PAGE, &params).await?;
        let files: Vec<_> = files.iter().map(ArchivedFile::read).collect::<Result<_, _>>()?;
        let page = state.archive.page(&files, filter.clone(), after, limit).await?;
        rows.extend(show(state, &page.records).await?);
        let mut keyed = Vec::with_capacity(rows.len());
        for row in rows {
            let key = key(&row)?;
            if page.reached.is_none_or(|reached| key.event_time > reached) {
                keyed.push((key, row));
            }
        }
        keyed.sort_by_key(|(key, _)| Reverse(*key));
        keyed.dedup_by_key(|(key, _)| *key);
        keyed.truncate(limit);
        let rows: Vec<Row> = keyed.into_iter().map(|(_, row)| row).collect();
        let reached = page.reached.filter(|_| rows.len() < limit).map(Micros);
        Ok(Merged { rows, reached })
    }
}

/// Returns an archived event as a row; `None` if the archive does not have it.
pub(crate) async fn event(state: &ApiState, id: &EventId) -> Result<Option<Row>, ApiError> {
    let params: [SqlParam<'_>; 4] = [
        (&id.topic, Type::TEXT),
        (&id.stream, Type::INT4),
        (&id.partition, Type::INT4),
        (&id.offset, Type::INT8),
    ];
    let files = state.keys.rows(FILES_OF_EVENT, &params).await?;
    let files: Vec<_> = files.iter().map(ArchivedFile::read).collect::<Result<_, _>>()?;
    let Some((stream, _)) = files.first().and_then(|file| file.streams.first()) else {
        return Ok(None);
    };
    let found = state.archive.event(&files, (*stream, id.partition, id.offset)).await?;
    Ok(show(state, found.as_slice()).await?.pop())
}

/// Returns archived events as rows of the database, which alone can make rows. So the rest of a
/// list does not know where an event is stored.
async fn show(state: &ApiState, records: &[ArchivedRecord]) -> Result<Vec<Row>, ApiError> {
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let params: [SqlParam<'_>; 14] = [
        (&all(records, |r| r.stream), Type::INT4_ARRAY),
        (&all(records, |r| r.partition), Type::INT4_ARRAY),
        (&all(records, |r| r.offset), Type::INT8_ARRAY),
        (&all(records, |r| r.entity_id.as_deref()), Type::TEXT_ARRAY),
        (&all(records, |r| r.event_time.map(Micros)), Type::TIMESTAMPTZ_ARRAY),
        (&all(records, |r| r.event_type.as_deref()), Type::TEXT_ARRAY),
        (&all(records, |r| r.event_version.as_deref()), Type::TEXT_ARRAY),
        (&all(records, |r| &*r.checksum), Type::BYTEA_ARRAY),
        (&all(records, |r| Micros(r.arrived_at)), Type::TIMESTAMPTZ_ARRAY),
        (&all(records, |r| &*r.outcome), Type::TEXT_ARRAY),
        (&all(records, |r| r.reason.as_deref()), Type::TEXT_ARRAY),
        (&all(records, |r| r.payload.as_deref()), Type::TEXT_ARRAY),
        (&all(records, |r| r.raw.as_deref()), Type::BYTEA_ARRAY),
        (&all(records, |r| r.problems.as_deref()), Type::TEXT_ARRAY),
    ];
    Ok(state.lists.rows(include_str!("show_archived.sql"), &params).await?)
}

/// Returns one value of each record, as a parameter of `unnest`.
fn all<'r, T>(records: &'r [ArchivedRecord], value: impl Fn(&'r ArchivedRecord) -> T) -> Vec<T> {
    records.iter().map(value).collect()
}
