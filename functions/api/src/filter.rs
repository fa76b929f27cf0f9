//! The filters that the lists of events and of failures share. All of them combine.

use tokio_postgres::types::Type;
use weir_model::Micros;

use crate::{
    ApiError,
    query::{LIMIT_DEFAULT, Params},
    reader::Param,
};

/// What a list of records shows, and how much of it.
pub(crate) struct Filter {
    limit: i64,
    offset: i64,
    topic: Option<String>,
    group_id: Option<String>,
    partition: Option<i32>,
    entity_id: Option<String>,
    event_type: Option<String>,
    event_version: Option<String>,
    from: Option<Micros>,
    to: Option<Micros>,
}

impl Filter {
    pub(crate) fn take(params: &mut Params) -> Result<Self, ApiError> {
        Ok(Self {
            limit: params.limit()?.unwrap_or(LIMIT_DEFAULT),
            offset: params.offset()?,
            topic: params.text("topic")?,
            group_id: params.text("group_id")?,
            partition: params.number("partition", 0..=i32::MAX)?,
            entity_id: params.text("entity_id")?,
            event_type: params.text("event_type")?,
            event_version: params.text("event_version")?,
            from: params.instant("from")?,
            to: params.instant("to")?,
        })
    }

    /// As $1 to $10 of the lists' SQL.
    pub(crate) fn params(&self) -> [Param<'_>; 10] {
        [
            (&self.limit, Type::INT8),
            (&self.offset, Type::INT8),
            (&self.topic, Type::TEXT),
            (&self.group_id, Type::TEXT),
            (&self.partition, Type::INT4),
            (&self.entity_id, Type::TEXT),
            (&self.event_type, Type::TEXT),
            (&self.event_version, Type::TEXT),
            (&self.from, Type::TIMESTAMPTZ),
            (&self.to, Type::TIMESTAMPTZ),
        ]
    }
}
