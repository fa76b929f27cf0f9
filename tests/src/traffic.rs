//! Random traffic of builds, readings and orders, with many ties, odd records and holes; and
//! deliveries of it.

use std::collections::BTreeSet;

use serde_json::json;
use weir_plugin::PluginsConfig;
use weir_store::{DatabaseConfig, Store, Writer};
use weir_testkit::{Field, KafkaEvent, Record};

use crate::{dice::Dice, models_and_topics};

/// Topic, partition, offset.
pub type Place = (String, i32, i64);

/// The records of a partition, in ascending order.
#[derive(Debug, Clone, Default)]
pub struct Lane {
    /// The records.
    pub records: Vec<Record>,
}

/// The records of some topics and partitions.
#[derive(Debug, Clone, Default)]
pub struct Traffic {
    /// One lane per partition.
    pub lanes: Vec<Lane>,
}

const MILLIS: i64 = 1_767_323_045_000;

impl Traffic {
    /// Creates traffic of three topics in six partitions, each with at most `size` records. Builds
    /// and sensors contain `tag`, so that traffic of different tags never shares a projected row.
    pub fn new(dice: &mut Dice, tag: u64, size: usize) -> Self {
        let partitions = [
            ("build_events", 0),
            ("build_events", 1),
            ("build_events", 2),
            ("orders", 0),
            ("readings", 0),
            ("readings", 1),
        ];
        let lanes = partitions.map(|(topic, partition)| {
            let mut offset = 0;
            let records = (0..dice.place(1..size + 1)).map(|_| {
                // Compaction and transaction markers leave holes.
                offset += if dice.percent(10) { 3 } else { 1 };
                let mut record = match topic {
                    "build_events" => build(dice, tag),
                    "readings" => reading(dice, tag),
                    _ => order(dice),
                };
                record.topic = topic.into();
                record.partition = partition;
                record.offset = offset - 1;
                record.timestamp = *dice.one_of(&[MILLIS, MILLIS, MILLIS + 1, MILLIS - 1, 0, -5]);
                record
            });
            Lane { records: records.collect() }
        });
        Self { lanes: lanes.into() }
    }

    /// Returns everything in one event: the clean pass.
    pub fn whole(&self) -> KafkaEvent {
        KafkaEvent::new(self.records().cloned())
    }

    /// Returns every record.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.lanes.iter().flat_map(|lane| &lane.records)
    }

    /// Returns the coordinates of all records.
    pub fn places(&self) -> BTreeSet<Place> {
        self.records().map(place).collect()
    }

    /// Returns a range of some lanes, in the form in which a function may get it, shuffled within
    /// the event.
    pub fn any_batch(&self, dice: &mut Dice) -> Vec<Record> {
        let mut batch = Vec::new();
        while batch.is_empty() {
            for lane in &self.lanes {
                if dice.percent(50) {
                    batch.extend_from_slice(&lane.records[dice.range(lane.records.len())]);
                }
            }
        }
        dice.shuffle(&mut batch);
        batch
    }

    /// Returns batches that contain every record at least once. They are in random order,
    /// overlapping and interleaved.
    pub fn any_schedule(&self, dice: &mut Dice) -> Vec<Vec<Record>> {
        let mut parts: Vec<&[Record]> = Vec::new();
        for lane in &self.lanes {
            let mut start = 0;
            while start < lane.records.len() {
                let end = dice.place(start..lane.records.len()) + 1;
                // The range may begin earlier, and overlap with another batch.
                let from = if dice.percent(30) { dice.place(0..start + 1) } else { start };
                parts.push(&lane.records[from..end]);
                start = end;
            }
        }
        dice.shuffle(&mut parts);
        let mut batches: Vec<Vec<Record>> = Vec::new();
        for part in parts {
            let place = (&part[0].topic, part[0].partition);
            // An event has at most one range of a partition.
            let fits =
                |batch: &&mut Vec<Record>| batch.iter().all(|r| (&r.topic, r.partition) != place);
            match batches.last_mut().filter(fits) {
                Some(batch) if dice.percent(70) => batch.extend_from_slice(part),
                _ => batches.push(part.to_vec()),
            }
        }
        for _ in 0..dice.place(0..3) {
            let again = dice.one_of(&batches).clone();
            batches.insert(dice.place(0..batches.len() + 1), again);
        }
        for batch in &mut batches {
            dice.shuffle(batch);
        }
        batches
    }
}

/// Returns the coordinates of a record.
pub fn place(record: &Record) -> Place {
    (record.topic.clone(), record.partition, record.offset)
}

/// Returns a writer of any group with the topics of the tests, with or without the plugin
/// `daily_totals`.
pub fn writer_of(store: Store, group: &str, plugin: bool) -> anyhow::Result<Writer> {
    let (models, topics) = models_and_topics()?;
    let names = if plugin { vec!["daily_totals".to_owned()] } else { Vec::new() };
    let plugins = weir_plugin::builtin()
        .switched_on(&PluginsConfig { plugins: names, avro: Vec::new() })
        .map_err(anyhow::Error::msg)?;
    Ok(Writer::new(store, models, topics, group).with_plugins(plugins.database()))
}

/// Returns a store with the default settings.
pub fn store_on(url: &str) -> anyhow::Result<Store> {
    Ok(Store::new(&DatabaseConfig::from_url(url))?)
}

fn build(dice: &mut Dice, tag: u64) -> Record {
    let id = match dice.within(0..12) {
        0 => "no-uuid".to_owned(),
        _ => format!("{tag:08x}-0000-4000-8000-{:012x}", dice.within(0..3)),
    };
    let build = json!({
        "id": id, "projectId": format!("{tag:08x}-0000-4000-8000-00000000aaaa"), "status": format!("status {}", dice.within(0..1000)),
        "reaped": dice.percent(20), "diskSpace": {"realBytes": dice.within(0..1_000_000)},
        "updatedAt": MILLIS + i64::try_from(dice.within(0..3)).unwrap_or_default(), "createdAt": MILLIS,
    });
    let value = json!({"version": 1, "data": {"event": dice.one_of(&["started", "ready", "reaped"]), "build": build}});
    Record {
        value: match dice.within(0..12) {
            0 => r#"{"version":1,"data":{}}"#.into(),
            1 => Field::Null,
            _ => value.to_string().into(),
        },
        ..Record::default()
    }
}

fn reading(dice: &mut Dice, tag: u64) -> Record {
    let value = json!({
        "sensor": format!("s{tag}_{}", dice.within(0..2)), "value": dice.within(0..1_000_000),
        "timestamp": format!("2026-01-0{}T00:00:0{}Z", dice.within(1..4), dice.within(0..2)),
    });
    let value = if dice.percent(8) { "{oh no".to_owned() } else { value.to_string() };
    Record {
        key: "sensor".into(),
        value: value.into(),
        headers: Some(vec![("trace".into(), Some(vec![0, 200, 7]))]),
        ..Record::default()
    }
}

fn order(dice: &mut Dice) -> Record {
    let value: Field = match dice.within(0..10) {
        0 => "{\"odd\":\"\\u0000\"}".into(),
        1 => Field::Text("!no base64!".into()),
        2 => Field::Null,
        n => json!({"id": n, "total": dice.within(0..100)}).to_string().into(),
    };
    Record { value, headers: None, ..Record::default() }
}
