//! The filters that the lists of events and of failures share. A record must match all of them.

use tokio_postgres::types::Type;
use weir_archive::PageFilter;
use weir_model::Micros;

use crate::{ApiError, archived::ArchivedList, list::Value, query::Params};

/// Selects the records of a list. `None` means no filter.
#[derive(Debug, Clone, Default)]
pub struct RecordFilter {
    /// Only these topics.
    pub topics: Option<Vec<String>>,
    /// Only this consumer group.
    pub group_id: Option<String>,
    /// Only this partition.
    pub partition: Option<i32>,
    /// Only records about this entity.
    pub entity_id: Option<String>,
    /// Only this event type.
    pub event_type: Option<String>,
    /// Only this event version.
    pub event_version: Option<String>,
    /// Only event times at this instant or later.
    pub from: Option<Micros>,
    /// Only event times before this instant.
    pub to: Option<Micros>,
}

impl RecordFilter {
    pub(crate) fn take(params: &mut Params) -> Result<Self, ApiError> {
        let partitions = Self::take_partition(params)?;
        Ok(Self {
            entity_id: params.text("entity_id")?,
            event_type: params.text("event_type")?,
            event_version: params.text("event_version")?,
            from: params.instant("from")?,
            to: params.instant("to")?,
            ..partitions
        })
    }

    /// Takes the parameters that select partitions only.
    pub(crate) fn take_partition(params: &mut Params) -> Result<Self, ApiError> {
        Ok(Self {
            topics: params.text("topic")?.map(|topic| vec![topic]),
            group_id: params.text("group_id")?,
            partition: params.number("partition", 0..=i32::MAX)?,
            ..Self::default()
        })
    }

    /// Returns the filter of the archive, with an outcome, and with or without findings.
    pub(crate) fn of_archive(&self, outcome: Option<&str>, has_problems: bool) -> ArchivedList {
        ArchivedList {
            topics: self.topics.clone(),
            group_id: self.group_id.clone(),
            filter: PageFilter {
                partition: self.partition,
                entity_id: self.entity_id.clone(),
                event_type: self.event_type.clone(),
                event_version: self.event_version.clone(),
                from: self.from.map(|from| from.0),
                to: self.to.map(|to| to.0),
                outcome: outcome.map(ToOwned::to_owned),
                has_problems,
            },
        }
    }

    /// Returns the values in the order of the statements' parameters.
    pub(crate) fn values(self) -> [(Value, Type); 8] {
        let text = |text: Option<String>| text.map_or(Value::Null, Value::Text);
        let instant = |instant: Option<Micros>| instant.map_or(Value::Null, Value::Instant);
        [
            (self.topics.map_or(Value::Null, Value::Texts), Type::TEXT_ARRAY),
            (text(self.group_id), Type::TEXT),
            (self.partition.map_or(Value::Null, Value::Int4), Type::INT4),
            (text(self.entity_id), Type::TEXT),
            (text(self.event_type), Type::TEXT),
            (text(self.event_version), Type::TEXT),
            (instant(self.from), Type::TIMESTAMPTZ),
            (instant(self.to), Type::TIMESTAMPTZ),
        ]
    }
}
