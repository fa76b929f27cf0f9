//! Collects runs of records as packed rows. The migration V15 has the same limits as constraints.

use std::collections::HashMap;

use sha2::{Digest, Sha256};
use tokio_postgres::types::Type;
use weir_model::{
    Micros,
    copy_rows::{ArrayField, CopyRows},
};

use super::append::{AppendRow, Derived};

/// The number of columns in the statement.
const COLUMNS: i16 = 20;
/// The most records of a row, and the bytes of their values at which a row is full.
const RECORDS_MAX: usize = 100;
const BYTES_MAX: usize = 64 * 1024;
/// Fewer records than these are narrow rows: they cost less to write, and the job that packs closed
/// hours makes longer rows of them.
const RECORDS_MIN: usize = 25;
/// The fewest records of a row that is full because of its bytes.
const LONG_RECORDS_MIN: usize = 5;
/// The most offsets from the first to the last of a row, so that a record's row is found by its
/// offset.
const OFFSETS_MAX: i64 = 4096;
/// The longest time from the oldest to the newest event of a row, so that a clock that is far ahead
/// is not the time of a row with other events.
const TIME_SPAN_MAX: i64 = 3_600_000_000;
/// The most rows that are collected at the same time, one for each type of a partition.
const OPEN_MAX: usize = 64;
/// The most entities whose hashes are remembered during a batch.
const HASHES_MAX: usize = 10_000;

/// The rows of a batch.
#[derive(Default)]
pub(super) struct Packer {
    /// The number of rows that were written.
    pub rows: usize,
    /// The partition of the open rows.
    place: (i32, i32),
    open: Vec<OpenRow>,
    /// Closed rows, whose memory is used again.
    spare: Vec<OpenRow>,
    hashes: HashMap<Box<str>, i32>,
}

/// A row that may get more records.
struct OpenRow {
    type_id: i32,
    key_is_entity: bool,
    first: i64,
    last: i64,
    oldest: i64,
    newest: i64,
    bytes: usize,
    /// The numbers of the records.
    numbers: Vec<usize>,
    offsets: ArrayField,
    event_times: ArrayField,
    timestamps: ArrayField,
    checksums: ArrayField,
    reasons: ArrayField,
    keys: ArrayField,
    headers: ArrayField,
    entity_hashes: Vec<i32>,
    entity_ids: ArrayField,
    payloads: ArrayField,
    raws: ArrayField,
}

impl OpenRow {
    fn new() -> Self {
        let array = |element: Type| ArrayField::new(element.oid());
        Self {
            type_id: 0,
            key_is_entity: false,
            first: 0,
            last: 0,
            oldest: 0,
            newest: 0,
            bytes: 0,
            numbers: Vec::with_capacity(RECORDS_MAX),
            offsets: array(Type::INT2),
            event_times: array(Type::TIMESTAMPTZ),
            timestamps: array(Type::INT8),
            checksums: array(Type::UUID),
            reasons: array(Type::TEXT),
            keys: array(Type::BYTEA),
            headers: array(Type::JSON),
            entity_hashes: Vec::with_capacity(RECORDS_MAX),
            entity_ids: array(Type::TEXT),
            payloads: array(Type::JSON),
            raws: array(Type::BYTEA),
        }
    }

    /// Makes the row empty, for records of this kind. The first one is at `offset` and `time`.
    fn reset(&mut self, type_id: i32, key_is_entity: bool, offset: i64, time: i64) {
        (self.type_id, self.key_is_entity) = (type_id, key_is_entity);
        (self.first, self.last) = (offset, offset);
        (self.oldest, self.newest) = (time, time);
        self.bytes = 0;
        self.numbers.clear();
        self.entity_hashes.clear();
        for array in [
            &mut self.offsets,
            &mut self.event_times,
            &mut self.timestamps,
            &mut self.checksums,
            &mut self.reasons,
            &mut self.keys,
            &mut self.headers,
            &mut self.entity_ids,
            &mut self.payloads,
            &mut self.raws,
        ] {
            array.clear();
        }
    }

    fn has_room_for(&self, offset: i64, time: i64) -> bool {
        self.numbers.len() < RECORDS_MAX
            && self.bytes < BYTES_MAX
            && offset - self.first < OFFSETS_MAX
            && self.newest.max(time) - self.oldest.min(time) <= TIME_SPAN_MAX
    }

    fn is_worth_it(&self) -> bool {
        let records = self.numbers.len();
        records >= RECORDS_MIN || records >= LONG_RECORDS_MIN && self.bytes >= BYTES_MAX
    }

    fn push(&mut self, number: usize, row: &AppendRow<'_>, derived: &Derived<'_>, time: Micros) {
        let AppendRow { record, skipped, payload, raw, .. } = row;
        self.last = record.offset;
        self.oldest = self.oldest.min(time.0);
        self.newest = self.newest.max(time.0);
        self.numbers.push(number);
        let headers = derived.headers.as_deref().map(str::as_bytes);
        self.bytes +=
            [payload.map(str::as_bytes), *raw, headers, derived.key, skipped.map(str::as_bytes)]
                .iter()
                .map(|value| value.map_or(0, <[u8]>::len))
                .sum::<usize>();
        // The limit of offsets fits into 16 bits.
        let place = i16::try_from(record.offset - self.first).unwrap_or_default();
        self.offsets.push(Some(&place.to_be_bytes()));
        self.event_times.push(Some(&time.postgres().to_be_bytes()));
        self.timestamps
            .push(derived.timestamp_ms.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice));
        self.checksums.push(Some(&record.checksum.to_be_bytes()));
        self.reasons.push(skipped.map(str::as_bytes));
        self.keys.push(derived.key);
        self.headers.push(headers);
        self.entity_ids.push(derived.entity.map(str::as_bytes));
        self.payloads.push(payload.map(str::as_bytes));
        self.raws.push(*raw);
    }

    fn write(&mut self, (stream, partition): (i32, i32), rows: &mut CopyRows) {
        let records = i32::try_from(self.numbers.len()).unwrap_or_default();
        let is_dense = self.last - self.first + 1 == i64::from(records);
        self.entity_hashes.sort_unstable();
        self.entity_hashes.dedup();
        let mut hashes = ArrayField::new(Type::INT4.oid());
        for hash in &self.entity_hashes {
            hashes.push(Some(&hash.to_be_bytes()));
        }
        rows.row(COLUMNS);
        rows.int8(self.first);
        rows.int8(self.last);
        rows.instant(Some(Micros(self.oldest)));
        rows.instant(Some(Micros(self.newest)));
        rows.int4(stream);
        rows.int4(partition);
        rows.int4(self.type_id);
        rows.int4(records);
        rows.bool(self.key_is_entity);
        rows.array(Some(&self.offsets).filter(|_| !is_dense));
        rows.array(Some(&self.event_times));
        rows.array(self.timestamps.unless_null());
        rows.array(Some(&self.checksums));
        rows.array(self.reasons.unless_null());
        rows.array(self.keys.unless_null());
        rows.array(self.headers.unless_null());
        rows.array(hashes.unless_null());
        rows.array(self.entity_ids.unless_null());
        rows.array(self.payloads.unless_null());
        rows.array(self.raws.unless_null());
    }
}

impl Packer {
    /// Adds a record. Rows that are full go to `rows`, and the numbers of records that fill none go
    /// to `narrow`.
    pub(super) fn push(
        &mut self,
        number: usize,
        row: &AppendRow<'_>,
        derived: &Derived<'_>,
        rows: &mut CopyRows,
        narrow: &mut Vec<usize>,
    ) {
        let place = (row.stream, row.record.partition);
        if place != self.place {
            self.close_all(rows, narrow);
            self.place = place;
        }
        // Findings change after a replay, and a packed row never changes.
        let (Some(type_id), Some(time), None) =
            (derived.type_id, derived.event_time, derived.problems)
        else {
            narrow.push(number);
            return;
        };
        let offset = row.record.offset;
        let kind = (type_id, derived.key_is_entity);
        let mut at = self.open.iter().position(|open| (open.type_id, open.key_is_entity) == kind);
        if let Some(full) = at.filter(|n| !self.open[*n].has_room_for(offset, time.0)) {
            self.close(full, rows, narrow);
            at = None;
        }
        let at = match at {
            Some(at) => at,
            None if self.open.len() >= OPEN_MAX => {
                narrow.push(number);
                return;
            }
            None => {
                let mut open = self.spare.pop().unwrap_or_else(OpenRow::new);
                open.reset(type_id, derived.key_is_entity, offset, time.0);
                self.open.push(open);
                self.open.len() - 1
            }
        };
        if let Some(entity) = derived.entity {
            let hash = self.hash(entity);
            self.open[at].entity_hashes.push(hash);
        }
        self.open[at].push(number, row, derived, time);
    }

    /// Closes the open rows.
    pub(super) fn close_all(&mut self, rows: &mut CopyRows, narrow: &mut Vec<usize>) {
        while !self.open.is_empty() {
            self.close(0, rows, narrow);
        }
    }

    fn close(&mut self, at: usize, rows: &mut CopyRows, narrow: &mut Vec<usize>) {
        let mut closed = self.open.swap_remove(at);
        if closed.is_worth_it() {
            closed.write(self.place, rows);
            self.rows += 1;
        } else {
            narrow.append(&mut closed.numbers);
        }
        self.spare.push(closed);
    }

    fn hash(&mut self, entity: &str) -> i32 {
        if let Some(hash) = self.hashes.get(entity) {
            return *hash;
        }
        let hash = entity_hash(entity);
        if self.hashes.len() < HASHES_MAX {
            self.hashes.insert(entity.into(), hash);
        }
        hash
    }
}

/// Returns the number by which packed rows are found for an entity, as the SQL function
/// `api.entity_hash` does.
fn entity_hash(entity: &str) -> i32 {
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(entity));
    i32::from_be_bytes([a, b, c, d])
}
