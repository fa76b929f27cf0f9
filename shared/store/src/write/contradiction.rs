//! Contradictions between the broker's log and the stored records. Each is a row that stays until
//! the reset.

use tokio_postgres::types::Type;

use super::Writer;
use crate::{StoreError, tx::TypedParam};

/// A partition of the current stream of its topic.
pub type Place<'p> = (&'p str, i32);

/// A contradiction in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// The name of the topic.
    pub topic: String,
    /// The number of the partition.
    pub partition: i32,
    /// The first offset for which the broker has a different record or none.
    pub first: i64,
    /// The offset after the last stored one.
    pub end: i64,
    /// The description.
    pub what: String,
}

impl Contradiction {
    /// Returns one line with the coordinates, the description and the remedy.
    pub fn line(&self) -> String {
        let Self { topic, partition, first, end, what } = self;
        let last = end.saturating_sub(1).max(*first);
        format!(
            "{topic}-{partition} offsets {first} to {last}: {what}; run `weir topic reset {topic}` \
                to begin a new stream with the broker's records"
        )
    }
}

/// Stores contradictions until the reset. Known ones are not changed.
pub async fn note(writer: &Writer, found: &[Contradiction]) -> Result<(), StoreError> {
    if found.is_empty() {
        return Ok(());
    }
    let places: Vec<Place<'_>> = found.iter().map(|c| (c.topic.as_str(), c.partition)).collect();
    let columns = &Columns::new(writer, &places);
    let firsts: &Vec<i64> = &found.iter().map(|c| c.first).collect();
    let ends: &Vec<i64> = &found.iter().map(|c| c.end).collect();
    let whats: &Vec<&str> = &found.iter().map(|c| c.what.as_str()).collect();
    writer
        .store()
        .transaction("note_contradictions", |tx| async move {
            let mut params = columns.params().to_vec();
            params.extend([
                (firsts as _, Type::INT8_ARRAY),
                (ends as _, Type::INT8_ARRAY),
                (whats as _, Type::TEXT_ARRAY),
            ]);
            tx.execute(include_str!("../sql/note_contradictions.sql"), &params).await?;
            Ok(())
        })
        .await
}

/// Places as one array per column.
pub(crate) struct Columns<'p> {
    groups: Vec<String>,
    pub(crate) topics: Vec<&'p str>,
    pub(crate) partitions: Vec<i32>,
}

impl<'p> Columns<'p> {
    pub(crate) fn new(writer: &Writer, places: &[Place<'p>]) -> Self {
        Self {
            groups: places.iter().map(|(topic, _)| writer.group_of(topic)).collect(),
            topics: places.iter().map(|(topic, _)| *topic).collect(),
            partitions: places.iter().map(|(_, partition)| *partition).collect(),
        }
    }

    pub(crate) fn params(&self) -> [TypedParam<'_>; 3] {
        [
            (&self.groups, Type::TEXT_ARRAY),
            (&self.topics, Type::TEXT_ARRAY),
            (&self.partitions, Type::INT4_ARRAY),
        ]
    }
}
