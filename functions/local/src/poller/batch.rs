//! Records on their way into one event: JSON bytes by partition, counted as they are built.

use std::{collections::BTreeMap, mem, sync::Arc};

use bytes::{BufMut, Bytes, BytesMut};
use rdkafka::Message;
use weir_kafka::TopicPartition;

use super::record_json::{prefix, push_number, push_record, push_text};

/// The JSON around the records of every event, and the limits of one event.
pub(super) struct EventFrame {
    head: Vec<u8>,
    records_max: usize,
    bytes_max: usize,
}

/// `}}` behind the last record.
const TAIL: &[u8] = b"}}";

/// `"":[],` around each partition's list.
const LIST_FRAME_BYTES: usize = 6;

impl EventFrame {
    pub(super) fn new(event_source: &str, bootstrap_servers: &str, records_max: usize, bytes_max: usize) -> Self {
        let mut head = br#"{"eventSource":"#.to_vec();
        push_text(&mut head, event_source);
        head.extend_from_slice(br#","bootstrapServers":"#);
        push_text(&mut head, bootstrap_servers);
        head.extend_from_slice(br#","records":{"#);
        Self { head, records_max, bytes_max }
    }
}

/// A record that did not fit any more, already as JSON.
pub(super) struct CarriedRecord {
    pub at: TopicPartition,
    pub offset: i64,
    json: Vec<u8>,
}

impl CarriedRecord {
    /// A record that must wait because an earlier one waits.
    pub(super) fn new(at: &TopicPartition, message: &impl Message) -> Self {
        let mut json = Vec::new();
        push_record(&mut json, &prefix(&at.topic, at.partition), message);
        Self { at: at.clone(), offset: message.offset(), json }
    }
}

/// Records by topic and partition, each partition's in the order of arrival, which is the order of offsets.
pub(super) struct Batch {
    frame: Arc<EventFrame>,
    lists: BTreeMap<TopicPartition, PartitionRecords>,
    records: usize,
    bytes: usize,
}

struct PartitionRecords {
    /// `topic-partition` as in the event, without the quotes.
    name: Vec<u8>,
    prefix: Vec<u8>,
    /// The records, with commas between them.
    json: Vec<u8>,
    /// Each record's offset and where its JSON ends.
    ends: Vec<(i64, usize)>,
}

impl PartitionRecords {
    fn new(at: &TopicPartition) -> Self {
        Self { name: name(at), prefix: prefix(&at.topic, at.partition), json: Vec::new(), ends: Vec::new() }
    }

    /// What this list adds to the event, its own frame included.
    fn bytes(&self) -> usize {
        LIST_FRAME_BYTES + self.name.len() + self.json.len()
    }

    /// Keeps the first `keep` records and returns the others.
    fn split_off(&mut self, keep: usize) -> Self {
        let cut = self.ends[keep - 1].1;
        // One more for the comma.
        let json = self.json.split_off(cut + 1);
        self.json.truncate(cut);
        let mut ends = self.ends.split_off(keep);
        for (_, end) in &mut ends {
            *end -= cut + 1;
        }
        Self { name: self.name.clone(), prefix: self.prefix.clone(), json, ends }
    }
}

impl Batch {
    pub(super) fn new(frame: Arc<EventFrame>) -> Self {
        let bytes = frame.head.len() + TAIL.len();
        Self { frame, lists: BTreeMap::new(), records: 0, bytes }
    }

    pub(super) fn records(&self) -> usize {
        self.records
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// No further record fits, however small.
    pub(super) fn is_full(&self) -> bool {
        self.records >= self.frame.records_max || self.bytes >= self.frame.bytes_max
    }

    /// Takes `message`, or gives it back as JSON when it does not fit; an empty batch takes any.
    pub(super) fn push(&mut self, at: &TopicPartition, message: &impl Message) -> Result<(), CarriedRecord> {
        self.add(at, message.offset(), |json, prefix| {
            push_record(json, prefix, message);
        })
    }

    /// The same for a record that an earlier batch gave back.
    pub(super) fn push_carried(&mut self, carried: CarriedRecord) -> Result<(), CarriedRecord> {
        let CarriedRecord { at, offset, json } = carried;
        self.add(&at, offset, |list, _| list.extend_from_slice(&json))
    }

    fn add(&mut self, at: &TopicPartition, offset: i64, write: impl FnOnce(&mut Vec<u8>, &[u8])) -> Result<(), CarriedRecord> {
        let is_new = !self.lists.contains_key(at);
        let list = self.lists.entry(at.clone()).or_insert_with(|| PartitionRecords::new(at));
        let before = if is_new { 0 } else { list.bytes() };
        let start = list.json.len();
        if start > 0 {
            list.json.push(b',');
        }
        let record = list.json.len();
        write(&mut list.json, &list.prefix);
        let bytes = self.bytes - before + list.bytes();
        let fits = self.records < self.frame.records_max && bytes <= self.frame.bytes_max;
        if fits || self.records == 0 {
            list.ends.push((offset, list.json.len()));
            self.records += 1;
            self.bytes = bytes;
            return Ok(());
        }
        let json = list.json.split_off(record);
        list.json.truncate(start);
        if is_new {
            self.lists.remove(at);
        }
        Err(CarriedRecord { at: at.clone(), offset, json })
    }

    /// Forgets the records of a partition that is ours no more.
    pub(super) fn remove(&mut self, at: &TopicPartition) {
        if let Some(list) = self.lists.remove(at) {
            self.records -= list.ends.len();
            self.bytes -= list.bytes();
        }
    }

    /// Takes out the records of a partition from `offset` on; none when that leaves either side without its records.
    pub(super) fn split_before(&mut self, at: &TopicPartition, offset: i64) -> Option<Self> {
        let list = self.lists.get_mut(at)?;
        let keep = list.ends.partition_point(|(known, _)| *known < offset);
        if keep == 0 || keep == list.ends.len() {
            return None;
        }
        let mut later = Self::new(Arc::clone(&self.frame));
        later.lists.insert(at.clone(), list.split_off(keep));
        self.recount();
        later.recount();
        Some(later)
    }

    /// Takes in what [`split_before`](Self::split_before) took out of partitions that this one has no records of.
    pub(super) fn append(&mut self, mut later: Self) {
        self.lists.append(&mut later.lists);
        self.recount();
    }

    /// Splits in the middle by records; call it for more than one.
    pub(super) fn halve(mut self) -> (Self, Self) {
        let mut second = Self::new(Arc::clone(&self.frame));
        let mut keep = self.records / 2;
        for (at, mut list) in mem::take(&mut self.lists) {
            let here = list.ends.len();
            if keep == 0 {
                second.lists.insert(at, list);
            } else if here <= keep {
                keep -= here;
                self.lists.insert(at, list);
            } else {
                second.lists.insert(at.clone(), list.split_off(keep));
                self.lists.insert(at, list);
                keep = 0;
            }
        }
        self.recount();
        second.recount();
        (self, second)
    }

    /// The records of each topic as a batch of their own.
    pub(super) fn by_topic(mut self) -> Vec<Self> {
        let mut batches: Vec<Self> = Vec::new();
        for (at, list) in mem::take(&mut self.lists) {
            let is_same = batches.last().is_some_and(|last| last.lists.keys().next().is_some_and(|first| first.topic == at.topic));
            if !is_same {
                batches.push(Self::new(Arc::clone(&self.frame)));
            }
            if let Some(last) = batches.last_mut() {
                last.lists.insert(at, list);
            }
        }
        for batch in &mut batches {
            batch.recount();
        }
        batches
    }

    /// The first offset of a partition's records.
    pub(super) fn first_offset(&self, at: &TopicPartition) -> Option<i64> {
        self.lists.get(at)?.ends.first().map(|(offset, _)| *offset)
    }

    fn recount(&mut self) {
        self.records = self.lists.values().map(|list| list.ends.len()).sum();
        let lists: usize = self.lists.values().map(PartitionRecords::bytes).sum();
        self.bytes = self.frame.head.len() + TAIL.len() + lists;
    }

    /// The first and the last offset of each partition.
    pub(super) fn spans(&self) -> impl Iterator<Item = (&TopicPartition, i64, i64)> {
        self.lists.iter().filter_map(|(at, list)| {
            let (first, last) = (list.ends.first()?, list.ends.last()?);
            Some((at, first.0, last.0))
        })
    }

    /// The event's JSON.
    pub(super) fn event(&self) -> Bytes {
        let mut event = BytesMut::with_capacity(self.bytes);
        event.put_slice(&self.frame.head);
        for (index, list) in self.lists.values().enumerate() {
            if index > 0 {
                event.put_u8(b',');
            }
            event.put_u8(b'"');
            event.put_slice(&list.name);
            event.put_slice(b"\":[");
            event.put_slice(&list.json);
            event.put_u8(b']');
        }
        event.put_slice(TAIL);
        event.freeze()
    }
}

/// `topic-partition`, escaped, without the quotes.
fn name(at: &TopicPartition) -> Vec<u8> {
    let mut json = Vec::with_capacity(at.topic.len() + 16);
    push_text(&mut json, &at.topic);
    json.remove(0);
    json.pop();
    json.push(b'-');
    push_number(&mut json, at.partition);
    json
}

#[cfg(test)]
mod tests {
    use rdkafka::{Timestamp, message::OwnedMessage};
    use serde_json::Value;

    use super::*;

    /// The records of one event, in its own order.
    fn records(event: &[u8]) -> Vec<Value> {
        let event: Value = serde_json::from_slice(event).expect("an event is json");
        let lists = event["records"].as_object().expect("a map").values();
        lists.flat_map(|list| list.as_array().expect("a list").clone()).collect()
    }

    fn offset(record: &Value) -> i64 {
        record["offset"].as_i64().expect("an offset")
    }

    fn message(topic: &str, partition: i32, offset: i64, bytes: usize) -> OwnedMessage {
        OwnedMessage::new(Some(vec![b'x'; bytes]), None, topic.into(), Timestamp::CreateTime(1), partition, offset, None)
    }

    fn batch(records_max: usize, bytes_max: usize) -> Batch {
        Batch::new(Arc::new(EventFrame::new("s", "b", records_max, bytes_max)))
    }

    #[test]
    fn bytes_are_counted_as_they_are_written() {
        const BYTES_MAX: usize = 4_000;
        let (a, b) = (TopicPartition::new("a", 0), TopicPartition::new("b", 12));
        let mut batch = batch(1_000, BYTES_MAX);
        let mut taken = 0;
        let carried = loop {
            let at = if taken % 3 == 0 { &b } else { &a };
            let next = message(&at.topic, at.partition, taken, 50);
            match batch.push(at, &next) {
                Ok(()) => taken += 1,
                Err(carried) => break carried,
            }
        };
        let event = batch.event();
        assert!(event.len() <= BYTES_MAX && event.len() > BYTES_MAX - 200);
        assert_eq!(records(&event).len(), batch.records());
        // What did not fit is the same record in the next one.
        let mut next = self::batch(1_000, BYTES_MAX);
        assert!(next.push_carried(carried).is_ok());
        assert_eq!(offset(&records(&next.event())[0]), taken);

        batch.remove(&a);
        let left = records(&batch.event());
        assert!(left.len() == batch.records() && left.iter().all(|r| r["topic"] == "b"));
    }

    #[test]
    fn a_record_too_big_for_any_event_goes_alone() {
        let at = TopicPartition::new("a", 0);
        let mut batch = batch(10, 1_000);
        assert!(batch.push(&at, &message("a", 0, 0, 5_000)).is_ok());
        assert!(batch.is_full());
        let carried = batch.push(&at, &message("a", 0, 1, 1)).err();
        assert!(carried.is_some());
        assert_eq!(records(&batch.event()).len(), 1);
    }

    #[test]
    fn halves_hold_the_same_records_in_topic_partition_offset_order() {
        let mut batch = batch(100, 100_000);
        for offset in 0..5 {
            for (topic, partition) in [("b", 0), ("a", 1), ("a", 0)] {
                let at = TopicPartition::new(topic, partition);
                let next = message(topic, partition, offset, 3);
                assert!(batch.push(&at, &next).is_ok());
            }
        }
        let whole = records(&batch.event());
        let coordinates: Vec<_> = whole.iter().map(|r| (r["topic"].to_string(), r["partition"].as_i64(), offset(r))).collect();
        assert!(coordinates.is_sorted());
        let (first, second) = batch.halve();
        assert_eq!((first.records(), second.records()), (7, 8));
        let mut halves = records(&first.event());
        halves.extend(records(&second.event()));
        assert_eq!(halves, whole);

        let by_topic = batch_of_two().by_topic();
        let sizes: Vec<usize> = by_topic.iter().map(Batch::records).collect();
        assert_eq!(sizes, [2, 1]);
        assert_eq!(by_topic[1].first_offset(&TopicPartition::new("b", 0)), Some(7));
        assert!(records(&by_topic[0].event()).iter().all(|record| record["topic"] == "a"));
    }

    fn batch_of_two() -> Batch {
        let mut batch = batch(100, 100_000);
        for (topic, partition, offset) in [("b", 0, 7), ("a", 0, 1), ("a", 1, 1)] {
            assert!(batch.push(&TopicPartition::new(topic, partition), &message(topic, partition, offset, 3)).is_ok());
        }
        batch
    }
}
