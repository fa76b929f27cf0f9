//! Finds events in archived files: a page of a list, and one event.
//!
//! A page needs the newest events that pass the filters. The files come with the newest first, so
//! the search ends at a file whose events are all older than those that were found. In a file, the
//! statistics of a row group say whether it can have a wanted event. Then only the columns of the
//! key and of the filters are read, and the whole records at the end.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use parquet::{
    data_type::{ByteArray, ByteArrayType, Int32Type, Int64Type},
    errors::Result,
};
use tokio::time::Instant;
use weir_store::archive::{ArchivedFile, ArchivedRecord};

use crate::{
    ArchiveError, ArchiveReader,
    columns::{Group, LogFile},
};

/// A page that read files for this long ends before the next file.
const PAGE_TIME: Duration = Duration::from_secs(3);
/// The most bytes of the records of a page.
const PAGE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The time of an event without a time, which is listed last.
const NO_TIME: i64 = i64::MIN;

/// The events of a list. `None` is no filter.
#[derive(Debug, Clone, Default)]
pub struct PageFilter {
    /// Only this partition.
    pub partition: Option<i32>,
    /// Only events about this entity.
    pub entity_id: Option<String>,
    /// Only this event type.
    pub event_type: Option<String>,
    /// Only this event version.
    pub event_version: Option<String>,
    /// Only event times at this instant or later, in microseconds since 1970.
    pub from: Option<i64>,
    /// Only event times before this instant.
    pub to: Option<i64>,
    /// Only this outcome.
    pub outcome: Option<String>,
    /// Only events with findings.
    pub has_problems: bool,
}

/// The key that orders a list of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The time of the event; the lowest number for an event without a time.
    pub event_time: i64,
    /// When it arrived.
    pub arrived_at: i64,
    /// The stream.
    pub stream: i32,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

impl Key {
    /// Returns the key of a record.
    pub fn of(record: &ArchivedRecord) -> Self {
        Self {
            event_time: record.event_time.unwrap_or(NO_TIME),
            arrived_at: record.arrived_at,
            stream: record.stream,
            partition: record.partition,
            offset: record.offset,
        }
    }
}

/// A page of archived events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The events, the newest first.
    pub records: Vec<ArchivedRecord>,
    /// The time down to which all events were found, without those of this time. `None` if nothing
    /// older is left to read.
    pub reached: Option<i64>,
}

/// The place of an event: the index of its file, its row group, and its row.
type Place = (usize, usize, usize);

/// A search for the newest events.
struct Search {
    filter: PageFilter,
    before: Option<Key>,
    limit: usize,
    /// The newest events so far, of which the oldest is on top.
    found: BinaryHeap<Reverse<(Key, Place)>>,
}

impl ArchiveReader {
    /// Returns the newest events of these files that pass the filter and come after the key
    /// `before`, at most `limit`. The files are sorted, those with the newest events first.
    ///
    /// After some seconds the page ends with the events that are newer than all that were not
    /// read. It does not end before it has passed the time of `before`, so the next page begins at
    /// an earlier time.
    pub async fn page(
        &self,
        files: &[ArchivedFile],
        filter: PageFilter,
        before: Option<Key>,
        limit: usize,
    ) -> Result<Page, ArchiveError> {
        let end = Instant::now() + PAGE_TIME;
        let mut search = Search { filter, before, limit, found: BinaryHeap::new() };
        let mut reached = None;
        for (n, file) in files.iter().enumerate() {
            if search.is_older(file.newest.0) {
                break;
            }
            let progress = before.is_none_or(|before| file.newest.0 < before.event_time);
            if n > 0 && progress && Instant::now() >= end {
                reached = Some(file.newest.0);
                break;
            }
            search = self.search(search, n, file).await?;
        }
        let mut found: Vec<(Key, Place)> = search.found.into_iter().map(|f| f.0).collect();
        found.retain(|(key, _)| reached.is_none_or(|reached| key.event_time > reached));
        Ok(Page { records: self.records(files, found).await?, reached })
    }

    /// Returns the event with these coordinates, if one of the files has it.
    pub async fn event(
        &self,
        files: &[ArchivedFile],
        (stream, partition, offset): (i32, i32, i64),
    ) -> Result<Option<ArchivedRecord>, ArchiveError> {
        for (n, file) in files.iter().enumerate() {
            let found = self
                .blocking(file, move |opened| {
                    for g in 0..opened.groups() {
                        if let Some(row) = find(&opened.group(g)?, stream, partition, offset)? {
                            return Ok(Some((n, g, row)));
                        }
                    }
                    Ok(None)
                })
                .await?;
            if let Some(place) = found {
                let key = Key { event_time: 0, arrived_at: 0, stream, partition, offset };
                return Ok(self.records(files, vec![(key, place)]).await?.pop());
            }
        }
        Ok(None)
    }

    async fn search(
        &self,
        mut search: Search,
        n: usize,
        file: &ArchivedFile,
    ) -> Result<Search, ArchiveError> {
        let streams: Vec<i32> = file.streams.iter().map(|(stream, _)| *stream).collect();
        self.blocking(file, move |opened| {
            for g in 0..opened.groups() {
                search.group(&opened.group(g)?, &streams, (n, g))?;
            }
            Ok(search)
        })
        .await
    }

    /// Returns the records at these places, the newest first.
    async fn records(
        &self,
        files: &[ArchivedFile],
        mut places: Vec<(Key, Place)>,
    ) -> Result<Vec<ArchivedRecord>, ArchiveError> {
        places.sort_unstable_by_key(|(_, place)| *place);
        let (mut records, mut bytes_left) = (Vec::with_capacity(places.len()), PAGE_BYTES_MAX);
        for of_file in places.chunk_by(|(_, a), (_, b)| a.0 == b.0) {
            let Some(file) = of_file.first().and_then(|(_, place)| files.get(place.0)) else {
                continue;
            };
            let wanted: Vec<(usize, usize)> = of_file.iter().map(|(_, p)| (p.1, p.2)).collect();
            let (read, left) = self
                .blocking(file, move |opened| {
                    let mut read = Vec::with_capacity(wanted.len());
                    for of_group in wanted.chunk_by(|a, b| a.0 == b.0) {
                        let rows: Vec<usize> = of_group.iter().map(|(_, row)| *row).collect();
                        let group = opened.group(of_group[0].0)?;
                        match group.records(&rows, &mut bytes_left)? {
                            Some(some) => read.extend(some),
                            None => return Ok((None, 0)),
                        }
                    }
                    Ok((Some(read), bytes_left))
                })
                .await?;
            let too_large = || ArchiveError::TooLarge { bytes_max: PAGE_BYTES_MAX };
            records.extend(read.ok_or_else(too_large)?);
            bytes_left = left;
        }
        records.sort_unstable_by_key(|record| Reverse(Key::of(record)));
        Ok(records)
    }

    /// Opens the file and calls `work` in a thread that may block.
    async fn blocking<T: Send + 'static>(
        &self,
        file: &ArchivedFile,
        work: impl FnOnce(&LogFile) -> Result<T> + Send + 'static,
    ) -> Result<T, ArchiveError> {
        let copy = self.0.get(file).await?;
        let done = tokio::task::spawn_blocking(move || work(&LogFile::open(copy)?));
        let done = done.await.map_err(|error| ArchiveError::Stopped(error.to_string()))?;
        done.map_err(|fault| ArchiveError::undecodable(file, &fault))
    }
}

impl Search {
    /// Returns whether all wanted events were found, and are newer than this time.
    fn is_older(&self, time: i64) -> bool {
        let oldest = self.found.peek().map(|oldest| oldest.0.0.event_time);
        self.found.len() >= self.limit && oldest.is_none_or(|oldest| time < oldest)
    }

    /// Returns whether an event can have this time.
    fn is_wanted(&self, time: Option<i64>) -> bool {
        let Self { filter, before, .. } = self;
        filter.from.is_none_or(|from| time.is_some_and(|time| time >= from))
            && filter.to.is_none_or(|to| time.is_some_and(|time| time < to))
            && before.is_none_or(|before| time.unwrap_or(NO_TIME) <= before.event_time)
            && !self.is_older(time.unwrap_or(NO_TIME))
    }

    /// Returns whether the statistics of a group exclude every event.
    fn is_excluded(&self, range: (i64, i64, bool)) -> bool {
        let (oldest, newest, has_undated) = range;
        let Self { filter, before, .. } = self;
        let dated = filter.from.is_some_and(|from| newest < from)
            || filter.to.is_some_and(|to| oldest >= to)
            || before.is_some_and(|before| oldest > before.event_time)
            || self.is_older(newest);
        dated && !(has_undated && self.is_wanted(None))
    }

    fn group(&mut self, group: &Group<'_>, streams: &[i32], (n, g): (usize, usize)) -> Result<()> {
        if group.range("event_time")?.is_some_and(|range| self.is_excluded(range)) {
            return Ok(());
        }
        let times = group.whole::<Int64Type>("event_time")?;
        let mut rows: Vec<usize> =
            (0..).zip(&times).filter(|(_, t)| self.is_wanted(**t)).map(|(row, _)| row).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let filter = self.filter.clone();
        for (name, wanted) in [
            ("entity_id", &filter.entity_id),
            ("event_type", &filter.event_type),
            ("event_version", &filter.event_version),
            ("outcome", &filter.outcome),
        ] {
            if let Some(wanted) = wanted {
                let values = group.whole::<ByteArrayType>(name)?;
                let is_equal = |v: &ByteArray| v.data() == wanted.as_bytes();
                rows.retain(|row| values[*row].as_ref().is_some_and(is_equal));
            }
        }
        if filter.has_problems {
            let values = group.whole::<ByteArrayType>("problems")?;
            rows.retain(|row| values[*row].is_some());
        }
        let of_stream = group.whole::<Int32Type>("stream")?;
        let partitions = group.whole::<Int32Type>("partition")?;
        let (offsets, arrivals) =
            (group.whole::<Int64Type>("offset")?, group.whole::<Int64Type>("arrived_at")?);
        for row in rows {
            let key = Key {
                event_time: times[row].unwrap_or(NO_TIME),
                arrived_at: arrivals[row].unwrap_or_default(),
                stream: of_stream[row].unwrap_or_default(),
                partition: partitions[row].unwrap_or_default(),
                offset: offsets[row].unwrap_or_default(),
            };
            if streams.contains(&key.stream)
                && filter.partition.is_none_or(|wanted| key.partition == wanted)
                && self.before.is_none_or(|before| key < before)
            {
                self.found.push(Reverse((key, (n, g, row))));
                if self.found.len() > self.limit {
                    self.found.pop();
                }
            }
        }
        Ok(())
    }
}

/// Returns the row of a record in a group.
fn find(group: &Group<'_>, stream: i32, partition: i32, offset: i64) -> Result<Option<usize>> {
    if group.range("offset")?.is_some_and(|(min, max, _)| offset < min || offset > max) {
        return Ok(None);
    }
    let offsets = group.whole::<Int64Type>("offset")?;
    if !offsets.contains(&Some(offset)) {
        return Ok(None);
    }
    let (streams, partitions) =
        (group.whole::<Int32Type>("stream")?, group.whole::<Int32Type>("partition")?);
    Ok((0..group.rows).find(|row| {
        (offsets[*row], streams[*row], partitions[*row])
            == (Some(offset), Some(stream), Some(partition))
    }))
}
