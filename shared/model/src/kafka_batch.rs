//! A batch: the records of one Lambda invocation, decoded from base64, sorted, with their
//! checksums.

use std::ops::Range;

use serde::de::Error as _;
use xxhash_rust::xxh3::xxh3_128;

use crate::{
    kafka_json::{self, HeaderJson, RecordJson, Text, plain},
    outcome::{excerpt, shortened},
    record::{
        Header, Headers, KEY_NOT_BASE64, Record, SchemaFormat, VALUE_NOT_BASE64, ValueSchema,
    },
};

/// The reason why an event is not a batch. No record of the event was stored, and Kafka still has
/// them.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The text is not the event that Lambda's Kafka mapping sends.
    #[error("not the event of a Kafka event source mapping: {0}")]
    NotAKafkaEvent(#[from] serde_json::Error),
    /// A record has coordinates that Kafka never assigns.
    #[error("record {topic}-{partition} offset {offset} has coordinates that Kafka never assigns")]
    Coordinates {
        /// The topic as received.
        topic: String,
        /// The partition as received.
        partition: i64,
        /// The offset as received.
        offset: i64,
    },
    /// One event holds two different records at the same coordinates.
    #[error("one event has two different records at {topic}-{partition} offset {offset}")]
    Contradiction {
        /// The topic of both records.
        topic: String,
        /// The partition of both records.
        partition: i32,
        /// The offset of both records.
        offset: i64,
    },
}

/// The records of one invocation, sorted by topic, partition and offset. Each set of coordinates
/// occurs once.
#[derive(Debug)]
pub struct KafkaBatch {
    /// The bytes that the checksums cover, record after record.
    arena: Vec<u8>,
    topics: Vec<String>,
    records: Vec<Entry>,
    headers: Vec<HeaderEntry>,
    schemas: Vec<ValueSchema>,
    source: Option<String>,
}

#[derive(Debug)]
struct Entry {
    topic: u32,
    partition: i32,
    offset: i64,
    timestamp_ms: i64,
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
    headers: Range<usize>,
    schema: Option<usize>,
    bad_base64: Option<&'static str>,
    checksum: u128,
}

#[derive(Debug)]
struct HeaderEntry {
    name: Range<usize>,
    value: Option<Range<usize>>,
}

impl KafkaBatch {
    /// Reads the event JSON. Sorts the records by topic, partition and offset, and keeps one of two
    /// equal records with the same coordinates.
    pub fn parse(event: &[u8]) -> Result<Self, BatchError> {
        // One check for the whole text: serde_json would check each borrowed text again, and would
        // skip the rest unchecked.
        let text = std::str::from_utf8(event)
            .map_err(|e| serde_json::Error::custom(format_args!("not UTF-8: {e}")))?;
        let mut batch = Self::read_plain(text).map_or_else(|| Self::read_any(text), Ok)?;
        batch.sort()?;
        Ok(batch)
    }

    /// Reads the spelling that Lambda writes. Returns `None` for any other spelling and for bad
    /// base64.
    fn read_plain(text: &str) -> Option<Self> {
        let mut batch = Self::with_room_for(text);
        let source = plain::read(text, &mut |record| {
            batch.push(record).is_ok()
                && batch.records.last().is_some_and(|r| r.bad_base64.is_none())
        })?;
        batch.source = source.map(|s| s.0.into_owned());
        Some(batch)
    }

    /// Reads the event in any spelling.
    fn read_any(text: &str) -> Result<Self, BatchError> {
        let mut batch = Self::with_room_for(text);
        let mut refused = None;
        let read = kafka_json::read(text, &mut |record| match batch.push(record) {
            Ok(()) => true,
            Err(error) => {
                refused = Some(error);
                false
            }
        });
        if let Some(error) = refused {
            return Err(error);
        }
        batch.source = read.map_err(|e| shortened(&e))?.map(|s| s.0.into_owned());
        Ok(batch)
    }

    fn with_room_for(event: &str) -> Self {
        Self {
            arena: Vec::with_capacity(event.len() / 4 * 3),
            topics: Vec::new(),
            // For records of 256 bytes. The system does not allocate pages that are never written.
            records: Vec::with_capacity(event.len() / 256),
            headers: Vec::new(),
            schemas: Vec::new(),
            source: None,
        }
    }

    /// Returns the number of records.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Returns whether the batch has no records. Lambda never sends an empty batch, but a person
    /// may.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Returns `eventSource`: `aws:kafka` or `SelfManagedKafka`.
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// Returns the records in order.
    pub fn records(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        (0..self.records.len()).map(|i| self.record(i))
    }

    /// Returns topic, partition, offset and checksum of each record, in order, without reading its
    /// bytes.
    pub fn coordinates(&self) -> impl ExactSizeIterator<Item = (&str, i32, i64, u128)> {
        self.records
            .iter()
            .map(|r| (self.topics[r.topic as usize].as_str(), r.partition, r.offset, r.checksum))
    }

    /// Returns the timestamp of record number `index`, in milliseconds since 1970; -1 if Kafka has
    /// none.
    ///
    /// # Panics
    /// When `index` is not below [`len`](Self::len).
    pub fn timestamp_ms(&self, index: usize) -> i64 {
        self.records[index].timestamp_ms
    }

    /// Returns how far the batch has come: the timestamp of the newest record in the partition that
    /// is furthest behind, in milliseconds since 1970.
    ///
    /// A producer may write any timestamp. One that is not after 1970 is not counted, and `None` is
    /// returned when no other exists.
    pub fn reached_ms(&self) -> Option<i64> {
        let of_one = self.records.chunk_by(|a, b| (a.topic, a.partition) == (b.topic, b.partition));
        let newest = of_one.map(|records| records.iter().map(|r| r.timestamp_ms).max());
        newest.flatten().filter(|ms| *ms > 0).min()
    }

    /// Returns record number `index`.
    ///
    /// # Panics
    /// When `index` is not below [`len`](Self::len).
    pub fn record(&self, index: usize) -> Record<'_> {
        let entry = &self.records[index];
        let headers = self.headers[entry.headers.clone()].iter();
        Record {
            topic: &self.topics[entry.topic as usize],
            partition: entry.partition,
            offset: entry.offset,
            timestamp_ms: entry.timestamp_ms,
            key: entry.key.clone().map(|r| &self.arena[r]),
            value: entry.value.clone().map(|r| &self.arena[r]),
            headers: Headers(
                headers
                    .map(|h| Header {
                        // The bytes of a name came from a `str`.
                        name: std::str::from_utf8(&self.arena[h.name.clone()]).unwrap_or_default(),
                        value: h.value.clone().map(|r| &self.arena[r]),
                    })
                    .collect(),
            ),
            arrived_at: None,
            schema: entry.schema.map(|i| &self.schemas[i]),
            bad_base64: entry.bad_base64,
            checksum: entry.checksum,
        }
    }

    fn push(&mut self, json: RecordJson<'_>) -> Result<(), BatchError> {
        let topic = self.topic(&json.topic)?;
        let partition = i32::try_from(json.partition.0).ok().filter(|p| *p >= 0);
        // The offset must be below the largest number, because the offset after it must exist too.
        let offset = Some(json.offset.0).filter(|o| (0..=i64::MAX - 1).contains(o));
        let (Some(partition), Some(offset)) = (partition, offset) else {
            let (partition, offset) = (json.partition.0, json.offset.0);
            return Err(BatchError::Coordinates {
                topic: json.topic.0.into_owned(),
                partition,
                offset,
            });
        };
        let start = self.arena.len();
        let mut bad_base64 = None;
        self.arena.extend_from_slice(&json.timestamp.0.to_le_bytes());
        let first_header = self.headers.len();
        for header in json.headers {
            self.push_header(&header);
        }
        let key = self.push_base64(json.key.as_ref(), KEY_NOT_BASE64, &mut bad_base64);
        let value = self.push_base64(json.value.as_ref(), VALUE_NOT_BASE64, &mut bad_base64);
        let schema = json.schema.map(|schema| {
            let format =
                schema.format.as_ref().and_then(|f| match f.0.to_ascii_uppercase().as_str() {
                    "JSON" => Some(SchemaFormat::Json),
                    "AVRO" => Some(SchemaFormat::Avro),
                    "PROTOBUF" => Some(SchemaFormat::Protobuf),
                    _ => None,
                });
            self.schemas.push(ValueSchema {
                format,
                id: schema.id.map_or_else(String::new, |t| t.0.into_owned()),
            });
            self.schemas.len() - 1
        });
        self.records.push(Entry {
            topic,
            partition,
            offset,
            timestamp_ms: json.timestamp.0,
            key,
            value,
            headers: first_header..self.headers.len(),
            schema,
            bad_base64,
            checksum: xxh3_128(&self.arena[start..]),
        });
        Ok(())
    }

    fn topic(&mut self, name: &Text<'_>) -> Result<u32, BatchError> {
        // Kafka allows letters, digits, ".", "_", "-", at most 249 of them.
        let valid = !name.0.is_empty()
            && name.0.len() <= 249
            && name.0.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if !valid {
            return Err(BatchError::Coordinates {
                topic: excerpt(&name.0),
                partition: -1,
                offset: -1,
            });
        }
        // Searches backwards, because the records of a topic follow each other.
        let known = self.topics.iter().rposition(|t| *t == name.0);
        let index = known.unwrap_or_else(|| {
            self.topics.push(name.0.clone().into_owned());
            self.topics.len() - 1
        });
        Ok(u32::try_from(index).unwrap_or(u32::MAX))
    }

    fn push_header(&mut self, header: &HeaderJson<'_>) {
        // `{}` is a header whose name Lambda lost. It counts in the checksum, but the record does
        // not have it.
        let name = self.push_bytes(header.name.as_ref().map(|n| n.as_bytes()));
        let value = self.push_bytes(header.value.as_deref());
        if let Some(name) = name {
            self.headers.push(HeaderEntry { name, value });
        }
    }

    /// Appends the length (-1 for `None`) and the bytes.
    fn push_bytes(&mut self, bytes: Option<&[u8]>) -> Option<Range<usize>> {
        let length = bytes.map_or(-1, |b| b.len().cast_signed() as i64);
        self.arena.extend_from_slice(&length.to_le_bytes());
        let start = self.arena.len();
        self.arena.extend_from_slice(bytes?);
        Some(start..self.arena.len())
    }

    fn push_base64(
        &mut self,
        text: Option<&Text<'_>>,
        fault: &'static str,
        bad: &mut Option<&'static str>,
    ) -> Option<Range<usize>> {
        let Some(text) = text else { return self.push_bytes(None) };
        let at = self.arena.len();
        self.arena.extend_from_slice(&[0; 8]);
        let start = at + 8;
        let decoded = base64_simd::STANDARD.decode_append(text.0.as_bytes(), &mut self.arena);
        let length = if decoded.is_ok() {
            (self.arena.len() - start).cast_signed() as i64
        } else {
            // Invalid base64 is kept as received, with a length that no decoded value has.
            self.arena.truncate(start);
            self.arena.extend_from_slice(text.0.as_bytes());
            bad.get_or_insert(fault);
            -2 - (text.0.len().cast_signed() as i64)
        };
        self.arena[at..start].copy_from_slice(&length.to_le_bytes());
        Some(start..self.arena.len())
    }

    fn sort(&mut self) -> Result<(), BatchError> {
        let topics = &self.topics;
        let key = |r: &Entry| (topics[r.topic as usize].as_str(), r.partition, r.offset);
        if !self.records.is_sorted_by(|a, b| key(a) < key(b)) {
            self.records.sort_by(|a, b| key(a).cmp(&key(b)));
            if let Some([a, _]) = self
                .records
                .array_windows()
                .find(|[a, b]| key(a) == key(b) && a.checksum != b.checksum)
            {
                return Err(BatchError::Contradiction {
                    topic: topics[a.topic as usize].clone(),
                    partition: a.partition,
                    offset: a.offset,
                });
            }
            let mut last = None;
            self.records.retain(|r| {
                last.replace((r.topic, r.partition, r.offset))
                    != Some((r.topic, r.partition, r.offset))
            });
        }
        Ok(())
    }
}

/// Returns the checksum of a record's present timestamp, headers, key and value.
///
/// It differs from [`Record::checksum`] when someone edited the record. The record's key and value
/// must come from valid base64.
pub fn checksum_of(record: &Record<'_>) -> u128 {
    let mut bytes = record.timestamp_ms.to_le_bytes().to_vec();
    let mut push = |part: Option<&[u8]>| {
        bytes.extend_from_slice(
            &part.map_or(-1, |part| part.len().cast_signed() as i64).to_le_bytes(),
        );
        bytes.extend_from_slice(part.unwrap_or_default());
    };
    for header in &record.headers.0 {
        push(Some(header.name.as_bytes()));
        push(header.value);
    }
    push(record.key);
    push(record.value);
    xxh3_128(&bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAIN: &str = r#"{"eventSource":"aws:kafka","eventSourceArn":"arn:aws:kafka:x","bootstrapServers":"b-1:9092,b-2:9092","records":{
        "readings-0":[{"topic":"readings","partition":0,"offset":15,"timestamp":1545084650987,"timestampType":"CREATE_TIME","key":"c3BlZWQ=",
            "value":"eyJhIjoxfQ==","headers":[{"trace":[116,-45,127,-128]},{},{"a":null,"b":[]}],
            "valueSchemaMetadata":{"dataFormat":"JSON","schemaId":"7"}},
            {"topic":"readings","partition":0,"offset":16,"timestamp":-1,"key":null,"value":null,"headers":[],"valueSchemaMetadata":null}],
        "a.b_c-3":[ {"topic":"a.b_c","partition":3,"offset":0}, {"topic":"a.b_c","partition":3,"offset":9223372036854775806} ],"empty-0":[]}}"#;

    #[test]
    fn what_lambda_sends_is_plain() {
        let plain = KafkaBatch::read_plain(PLAIN).expect("plain");
        assert_eq!(
            format!("{plain:?}"),
            format!("{:?}", KafkaBatch::read_any(PLAIN).expect("an event"))
        );
        assert_eq!((plain.len(), plain.source()), (4, Some("aws:kafka")));
    }

    #[test]
    fn a_batch_has_come_as_far_as_its_last_partition() {
        let event = |records: &[(i32, i64)]| {
            let of = |(n, (partition, ms)): (usize, &(i32, i64))| {
                format!(r#"{{"topic":"t","partition":{partition},"offset":{n},"timestamp":{ms}}}"#)
            };
            let records: Vec<String> = records.iter().enumerate().map(of).collect();
            format!(r#"{{"records":{{"t-0":[{}]}}}}"#, records.join(","))
        };
        for (records, reached) in [
            (&[(0, 5), (0, 9), (1, 7), (1, 3)][..], Some(7)),
            (&[(0, -1), (0, 9), (1, 0), (1, -5)], Some(9)),
            (&[(0, -1)], None),
            (&[], None),
        ] {
            let batch = KafkaBatch::parse(event(records).as_bytes()).expect("an event");
            assert_eq!(batch.reached_ms(), reached, "{records:?}");
        }
    }

    #[test]
    fn a_record_has_the_checksum_of_its_bytes() {
        let event = PLAIN.replacen("{},", "", 1);
        let batch = KafkaBatch::parse(event.as_bytes()).expect("an event");
        for record in batch.records() {
            assert_eq!(checksum_of(&record), record.checksum);
            assert_ne!(
                checksum_of(&Record { value: Some(b"edited"), ..record.clone() }),
                record.checksum
            );
        }
    }

    #[test]
    fn what_is_odd_is_left_to_the_other_reader() {
        for (plain, odd) in [
            ("\"timestamp\":-1", "\"timestamp\":-1.0"),
            ("\"timestamp\":-1", "\"timestamp\":1e3"),
            ("\"offset\":16", "\"offset\":016"),
            ("\"offset\":16", "\"offset\":9223372036854775807"),
            ("\"partition\":3", "\"partition\":\"3\""),
            ("\"partition\":3", "\"partition\":-3"),
            ("c3BlZWQ=", "c3BlZWQ"),
            ("c3BlZWQ=", "c3Bl\\u005aWQ="),
            ("CREATE_TIME", "CREATE\nTIME"),
            ("CREATE_TIME\"", "CREATE_TIME\",\"new\":{}"),
            ("116", "255"),
            ("\"topic\":\"a.b_c\"", "\"topic\":\"a b\""),
            ("\"schemaId\":\"7\"", "\"schemaId\":7"),
            ("]}}", "]}} x"),
        ] {
            assert!(KafkaBatch::read_plain(&PLAIN.replacen(plain, odd, 1)).is_none(), "{odd}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        /// Both readers return the same batch for any change of an event that the plain reader
        /// accepts.
        #[test]
        fn both_readers_agree(at in 0..PLAIN.len(), length in 0..4_usize, new in "[-0-9a\"\\\\{}\\[\\],:. \n\u{1}=e]{0,3}") {
            let (from, to) = (PLAIN.floor_char_boundary(at), PLAIN.floor_char_boundary((at + length).min(PLAIN.len())));
            let event = [&PLAIN[..from], &new, &PLAIN[to..]].concat();
            if let Some(plain) = KafkaBatch::read_plain(&event) {
                let any = KafkaBatch::read_any(&event);
                prop_assert_eq!(format!("{plain:?}"), any.map_or_else(|error| error.to_string(), |batch| format!("{batch:?}")));
            }
        }
    }
}
