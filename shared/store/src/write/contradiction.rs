//! What the broker has and what is stored otherwise: a row that stays until the reset.

use tokio_postgres::types::Type;

use super::Writer;
use crate::{StoreError, tx::TypedParam};

/// A partition of the current stream of its topic.
pub type Place<'p> = (&'p str, i32);

/// Something that the broker has and that is stored otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// The first offset of which the broker is known to have something else, or nothing.
    pub first: i64,
    /// The offset behind the last one that is stored.
    pub end: i64,
    /// What was found.
    pub what: String,
}

impl Contradiction {
    /// One line: where, what, and what to do.
    pub fn line(&self) -> String {
        let Self { topic, partition, first, end, what } = self;
        let last = end.saturating_sub(1).max(*first);
        format!(
            "{topic}-{partition} offsets {first} to {last}: {what}; `weir topic reset {topic}` begins a new stream with what the broker has"
        )
    }
}

/// Keeps what was found until the reset; what is known already stays as it is.
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

/// Places, column by column.
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
