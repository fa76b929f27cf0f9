//! A batch of records as JSON bytes by partition. The records are counted when they are added.

use std::{collections::BTreeMap, mem, ops::Range, sync::Arc};

use bytes::{BufMut, Bytes, BytesMut};
use rdkafka::Message;
use weir_kafka::TopicPartition;
use weir_store::ReadRange;

use super::record_json::{prefix, push_number, push_record, push_text};

/// The JSON before the records of every event, and the limits of one event.
pub(super) struct EventFrame {
    head: Vec<u8>,
    records_max: usize,
    bytes_max: usize,
}

/// `}}` after the last record.
const TAIL: &[u8] = b"}}";

/// `"":[],` around each partition's list.
const LIST_FRAME_BYTES: usize = 6;

impl EventFrame {
    pub(super) fn new(
        event_source: &str,
        bootstrap_servers: &str,
        records_max: usize,
        bytes_max: usize,
    ) -> Self {
        let mut head = br#"{"eventSource":"#.to_vec();
        push_text(&mut head, event_source);
        head.extend_from_slice(br#","bootstrapServers":"#);
        push_text(&mut head, bootstrap_servers);
        head.extend_from_slice(br#","records":{"#);
        Self { head, records_max, bytes_max }
    }
}

/// A record that did not fit into a batch, already as JSON.
pub(super) struct CarriedRecord {
    pub at: TopicPartition,
    /// The position before this record. The offsets between it and the record are a hole.
    from: i64,
    offset: i64,
    json: Vec<u8>,
}

impl CarriedRecord {
    /// Creates a record that must wait because an earlier record waits.
    pub(super) fn new(at: &TopicPartition, from: i64, message: &impl Message) -> Self {
        let mut json = Vec::new();
        push_record(&mut json, &prefix(&at.topic, at.partition), message);
        Self { at: at.clone(), from, offset: message.offset(), json }
    }
}

/// Records by topic and partition. Each partition's records are in the order of arrival, which is
/// the order of their offsets.
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
    /// Each record's offset, and the end of its JSON.
    ends: Vec<(i64, usize)>,
    /// The range that was read: these records, and the holes before and after them.
    read: Range<i64>,
}

impl PartitionRecords {
    fn new(at: &TopicPartition, from: i64) -> Self {
        Self {
            name: name(at),
            prefix: prefix(&at.topic, at.partition),
            json: Vec::new(),
            ends: Vec::new(),
            read: from..from,
        }
    }

    /// Returns the bytes that this list adds to the event, including its frame.
    fn bytes(&self) -> usize {
        LIST_FRAME_BYTES + self.name.len() + self.json.len()
    }

    /// Keeps the first `keep` records and returns the others.
    fn split_off(&mut self, keep: usize) -> Self {
        let cut = self.ends[keep - 1].1;
        // Also cut the comma, if a record follows.
        let json = self.json.split_off(self.json.len().min(cut + 1));
        self.json.truncate(cut);
        let mut ends = self.ends.split_off(keep);
        for (_, end) in &mut ends {
            *end -= cut + 1;
        }
        // A hole between two records goes with the second one.
        let between = self.ends.last().map_or(self.read.start, |(last, _)| last + 1);
        let read = between..mem::replace(&mut self.read.end, between);
        Self { name: self.name.clone(), prefix: self.prefix.clone(), json, ends, read }
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

    /// Returns whether the batch has neither records nor a range that was read without records.
    pub(super) fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// Returns whether no further record fits, however small.
    pub(super) fn is_full(&self) -> bool {
        self.records >= self.frame.records_max || self.bytes >= self.frame.bytes_max
    }

    /// Adds `message`; `from` is the position before it. An empty batch takes a record of any
    /// length.
    ///
    /// A record that does not fit is returned as JSON.
    pub(super) fn push(
        &mut self,
        at: &TopicPartition,
        from: i64,
        message: &impl Message,
    ) -> Result<(), CarriedRecord> {
        self.add(at, from, message.offset(), |json, prefix| {
            push_record(json, prefix, message);
        })
    }

    /// Adds a record that did not fit into an earlier batch.
    pub(super) fn push_carried(&mut self, carried: CarriedRecord) -> Result<(), CarriedRecord> {
        let CarriedRecord { at, from, offset, json } = carried;
        self.add(&at, from, offset, |list, _| list.extend_from_slice(&json))
    }

    /// Notes that the range from `from` to `end` was read and has no record.
    pub(super) fn push_hole(&mut self, at: &TopicPartition, from: i64, end: i64) {
        let list = self.lists.entry(at.clone()).or_insert_with(|| PartitionRecords::new(at, from));
        list.read.end = list.read.end.max(end);
        self.recount();
    }

    fn add(
        &mut self,
        at: &TopicPartition,
        from: i64,
        offset: i64,
        write: impl FnOnce(&mut Vec<u8>, &[u8]),
    ) -> Result<(), CarriedRecord> {
        let is_new = !self.lists.contains_key(at);
        let list = self.lists.entry(at.clone()).or_insert_with(|| PartitionRecords::new(at, from));
        let before = if is_new { 0 } else { list.bytes() };
        let start = list.json.len();
        if start > 0 {
            list.json.push(b',');
        }
        let record = list.json.len();
        write(&mut list.json, &list.prefix);
        let bytes = self.bytes - before + list.bytes();
        // Each list has one continuous range of offsets. If the consumer was set back, another
        // range begins.
        let goes_on = offset >= list.read.end;
        let fits = self.records < self.frame.records_max && bytes <= self.frame.bytes_max;
        if goes_on && (fits || self.records == 0) {
            list.ends.push((offset, list.json.len()));
            list.read.end = offset + 1;
            self.records += 1;
            self.bytes = bytes;
            return Ok(());
        }
        let json = list.json.split_off(record);
        list.json.truncate(start);
        if is_new {
            self.lists.remove(at);
        }
        Err(CarriedRecord { at: at.clone(), from, offset, json })
    }

    /// Removes the records of a partition that was revoked.
    pub(super) fn remove(&mut self, at: &TopicPartition) {
        if let Some(list) = self.lists.remove(at) {
            self.records -= list.ends.len();
            self.bytes -= list.bytes();
        }
    }

    /// Removes and returns the records of a partition from `offset` on, with the hole before them.
    pub(super) fn split_before(&mut self, at: &TopicPartition, offset: i64) -> Option<Self> {
        let list = self.lists.get_mut(at)?;
        let keep = list.ends.partition_point(|(known, _)| *known < offset);
        if list.read.end < offset {
            return None;
        }
        let later_list = if keep > 0 { list.split_off(keep) } else { self.lists.remove(at)? };
        let mut later = Self::new(Arc::clone(&self.frame));
        later.lists.insert(at.clone(), later_list);
        self.recount();
        later.recount();
        Some(later)
    }

    /// Marks the offsets before `offset` as not read: the broker dropped them.
    ///
    /// If the batch has records before the loss, it removes and returns those after it.
    pub(super) fn cut_at_loss(&mut self, at: &TopicPartition, offset: i64) -> Option<Self> {
        let list = self.lists.get(at).filter(|list| list.read.end >= offset)?;
        let is_at_head = list.ends.first().is_none_or(|(first, _)| *first >= offset);
        let mut later = if is_at_head { None } else { Some(self.split_before(at, offset)?) };
        let batch = later.as_mut().unwrap_or(self);
        let list = batch.lists.get_mut(at)?;
        list.read.start = list.read.start.max(offset.min(list.read.end));
        if list.read.is_empty() {
            batch.lists.remove(at);
        }
        batch.recount();
        later.filter(|later| !later.is_empty())
    }

    /// Adds a batch that [`split_before`](Self::split_before) returned. This batch must have no
    /// records of its partitions.
    pub(super) fn append(&mut self, mut later: Self) {
        self.lists.append(&mut later.lists);
        self.recount();
    }

    /// Splits the batch in two halves by records. The batch must have more than one record.
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

    /// Removes and returns the records of a topic, or `None` if there are none.
    pub(super) fn take_topic(&mut self, topic: &str) -> Option<Self> {
        let mut taken = Self::new(Arc::clone(&self.frame));
        let (of_topic, others) =
            mem::take(&mut self.lists).into_iter().partition(|(at, _)| *at.topic == *topic);
        (taken.lists, self.lists) = (of_topic, others);
        taken.recount();
        self.recount();
        (!taken.is_empty()).then_some(taken)
    }

    /// Splits the batch into one batch per topic.
    pub(super) fn by_topic(mut self) -> Vec<Self> {
        let mut batches = Vec::new();
        while let Some(topic) = self.lists.keys().next().map(|at| Arc::clone(&at.topic)) {
            batches.extend(self.take_topic(&topic));
        }
        batches
    }

    /// Returns the topic if all records are of one topic.
    pub(super) fn only_topic(&self) -> Option<Arc<str>> {
        let (first, last) = (self.lists.keys().next()?, self.lists.keys().next_back()?);
        (first.topic == last.topic).then(|| Arc::clone(&first.topic))
    }

    fn recount(&mut self) {
        self.records = self.lists.values().map(|list| list.ends.len()).sum();
        let lists: usize = self.lists.values().map(PartitionRecords::bytes).sum();
        self.bytes = self.frame.head.len() + TAIL.len() + lists;
    }

    /// Returns the range that was read of each partition.
    pub(super) fn spans(&self) -> impl Iterator<Item = (&TopicPartition, &Range<i64>)> {
        self.lists.iter().map(|(at, list)| (at, &list.read))
    }

    /// Returns the same ranges for the handler.
    pub(super) fn read(&self) -> Vec<ReadRange> {
        let ranges = self.spans();
        ranges
            .map(|(at, read)| ReadRange {
                topic: at.topic.to_string(),
                partition: at.partition,
                first: read.start,
                end: read.end,
            })
            .collect()
    }

    /// Returns the event's JSON.
    pub(super) fn event(&self) -> Bytes {
        let mut event = BytesMut::with_capacity(self.bytes);
        event.put_slice(&self.frame.head);
        for (index, list) in self.lists.values().filter(|list| !list.ends.is_empty()).enumerate() {
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

/// Returns `topic-partition`, escaped, without the quotes.
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
#[expect(clippy::single_range_in_vec_init, reason = "a list of ranges is what is meant")]
mod tests {
    use rdkafka::{Timestamp, message::OwnedMessage};
    use serde_json::Value;

    use super::*;

    /// Returns the records of one event, in the event's order.
    fn records(event: &[u8]) -> Vec<Value> {
        let event: Value = serde_json::from_slice(event).expect("an event is json");
        let lists = event["records"].as_object().expect("a map").values();
        lists.flat_map(|list| list.as_array().expect("a list").clone()).collect()
    }

    fn offset(record: &Value) -> i64 {
        record["offset"].as_i64().expect("an offset")
    }

    fn message(topic: &str, partition: i32, offset: i64, bytes: usize) -> OwnedMessage {
        OwnedMessage::new(
            Some(vec![b'x'; bytes]),
            None,
            topic.into(),
            Timestamp::CreateTime(1),
            partition,
            offset,
            None,
        )
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
            match batch.push(at, taken, &next) {
                Ok(()) => taken += 1,
                Err(carried) => break carried,
            }
        };
        let event = batch.event();
        assert!(event.len() <= BYTES_MAX && event.len() > BYTES_MAX - 200);
        assert_eq!(records(&event).len(), batch.records());
        // The record that did not fit is unchanged in the next batch.
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
        assert!(batch.push(&at, 0, &message("a", 0, 0, 5_000)).is_ok());
        assert!(batch.is_full());
        let carried = batch.push(&at, 1, &message("a", 0, 1, 1)).err();
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
                assert!(batch.push(&at, offset, &next).is_ok());
            }
        }
        let whole = records(&batch.event());
        let coordinates: Vec<_> = whole
            .iter()
            .map(|r| (r["topic"].to_string(), r["partition"].as_i64(), offset(r)))
            .collect();
        assert!(coordinates.is_sorted());
        let (first, second) = batch.halve();
        assert_eq!((first.records(), second.records()), (7, 8));
        let mut halves = records(&first.event());
        halves.extend(records(&second.event()));
        assert_eq!(halves, whole);
    }

    #[test]
    fn the_records_of_each_topic_can_go_by_themselves() {
        let taken = || {
            let mut batch = batch(100, 100_000);
            for (topic, partition, offset) in [("b", 0, 7), ("a", 0, 1), ("a", 1, 1)] {
                assert!(
                    batch
                        .push(
                            &TopicPartition::new(topic, partition),
                            offset,
                            &message(topic, partition, offset, 3)
                        )
                        .is_ok()
                );
            }
            batch
        };
        let mut rest = taken();
        let alone = rest.take_topic("a").expect("two records");
        assert_eq!((alone.records(), rest.records(), rest.take_topic("c").is_none()), (2, 1, true));
        assert!(alone.only_topic().as_deref() == Some("a") && taken().only_topic().is_none());
        let by_topic = taken().by_topic();
        assert_eq!(by_topic.iter().map(Batch::records).collect::<Vec<_>>(), [2, 1]);
        assert!(records(&by_topic[0].event()).iter().all(|record| record["topic"] == "a"));
        assert_eq!(by_topic[0].event().len(), alone.event().len());
    }

    fn ranges(batch: &Batch) -> Vec<Range<i64>> {
        batch.spans().map(|(_, read)| read.clone()).collect()
    }

    #[test]
    fn what_was_read_is_one_range_and_stays_one_when_it_is_split() {
        let at = TopicPartition::new("a", 0);
        let mut batch = batch(100, 100_000);
        for (from, offset) in [(3, 5), (6, 6), (7, 9)] {
            assert!(batch.push(&at, from, &message("a", 0, offset, 3)).is_ok());
        }
        batch.push_hole(&at, 10, 12);
        assert_eq!(ranges(&batch), [3..12]);
        let tail = batch.split_before(&at, 12).expect("the hole behind the last record");
        assert_eq!(
            (ranges(&tail), tail.records(), ranges(&batch), batch.records()),
            (vec![10..12], 0, vec![3..10], 3)
        );
        assert!(!tail.is_empty() && records(&tail.event()).is_empty());
        batch.push_hole(&at, 10, 12);
        let (first, second) = batch.halve();
        assert_eq!((ranges(&first), ranges(&second)), (vec![3..6], vec![6..12]));
    }

    #[test]
    fn what_was_lost_was_not_read() {
        let at = TopicPartition::new("a", 0);
        let taken = |pairs: &[(i64, i64)]| {
            let mut batch = batch(100, 100_000);
            for (from, offset) in pairs {
                assert!(batch.push(&at, *from, &message("a", 0, *offset, 3)).is_ok());
            }
            batch
        };
        let mut first = taken(&[(3, 9), (10, 10)]);
        assert!(first.cut_at_loss(&at, 8).is_none());
        assert_eq!((ranges(&first), first.records()), (vec![8..11], 2));
        let mut middle = taken(&[(3, 3), (4, 9)]);
        let later = middle.cut_at_loss(&at, 7).expect("what is behind it");
        assert_eq!((ranges(&middle), ranges(&later)), (vec![3..4], vec![7..10]));
        let mut behind = taken(&[(3, 3)]);
        behind.push_hole(&at, 4, 9);
        assert!(behind.cut_at_loss(&at, 9).is_none());
        assert_eq!(ranges(&behind), [3..4]);
    }

    #[test]
    fn a_record_from_before_begins_another_batch() {
        let at = TopicPartition::new("a", 0);
        let mut batch = batch(100, 100_000);
        assert!(batch.push(&at, 90, &message("a", 0, 90, 3)).is_ok());
        assert!(batch.push(&at, 0, &message("a", 0, 0, 3)).is_err());
        assert_eq!(ranges(&batch), [90..91]);
    }
}
