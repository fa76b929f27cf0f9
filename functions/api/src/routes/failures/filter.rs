//! The filters of failures: those of records, and the class of the error.

use tokio_postgres::types::Type;
use weir_model::{ErrorClass, excerpt};

use crate::{ApiError, ApiState, list::Value, query::Params, routes::record_filter::RecordFilter};

/// The number of failures up to which all of them can be read for a page.
const FEW: i64 = 250;

/// If more than [`FEW`] failures have a text, its index is read only if the other filters select at
/// least one of this number of failures.
const OFTEN: i64 = 20;

/// An index of failures from which a list is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListIndex {
    Newest,
    Class,
    Entity,
    Type,
    Version,
}

/// Selects failures. A failure must match every filter.
#[derive(Debug, Clone)]
pub struct FailureFilter {
    records: RecordFilter,
    error_class: Option<String>,
}

impl FailureFilter {
    /// Creates the filter. Returns an error that names a class that no failure can have.
    ///
    /// A model from outside this workspace has other classes than [`ErrorClass`]. They are known
    /// once a failure had them.
    pub async fn new(
        state: &ApiState,
        records: RecordFilter,
        error_class: Option<String>,
    ) -> Result<Self, ApiError> {
        if let Some(class) = &error_class
            && !ErrorClass::includes(class)
        {
            let had = include_str!("find_class.sql");
            if state.lists.row(had, &[(class, Type::TEXT)]).await?.is_none() {
                return Err(ApiError::parameter(
                    "error_class",
                    format_args!("is {}", excerpt(class)),
                    format!("the classes are: {}", ErrorClass::names()),
                ));
            }
        }
        Ok(Self { records, error_class })
    }

    /// Takes the parameters of all filters.
    pub(super) async fn take(state: &ApiState, params: &mut Params) -> Result<Self, ApiError> {
        let records = RecordFilter::take(params)?;
        Self::new(state, records, params.text("error_class")?).await
    }

    /// Takes the parameters of the filters that need only the counts of failures.
    pub(super) async fn take_counted(
        state: &ApiState,
        params: &mut Params,
    ) -> Result<Self, ApiError> {
        let records = RecordFilter::take_partition(params)?;
        Self::new(state, records, params.text("error_class")?).await
    }

    /// Returns whether no other filters than those of the time are set.
    fn is_of_times(&self) -> bool {
        let RecordFilter { topics, group_id, partition, .. } = &self.records;
        self.is_without_texts()
            && self.error_class.is_none()
            && topics.is_none()
            && group_id.is_none()
            && partition.is_none()
    }

    /// Returns the index from which the list reads the fewest failures that it does not show.
    pub(super) async fn index(&self, state: &ApiState) -> Result<ListIndex, ApiError> {
        let RecordFilter { entity_id, event_type, event_version, .. } = &self.records;
        if self.is_of_times() {
            return Ok(ListIndex::Newest);
        }
        let mut params = self.clone().values();
        params.push((Value::Int8(FEW + 1), Type::INT8));
        let params = Value::params(&params);
        let Some(row) = state.lists.row(include_str!("probe.sql"), &params).await? else {
            return Ok(ListIndex::Newest);
        };
        let (counted, open): (i64, i64) = (row.try_get("counted")?, row.try_get("open")?);
        let texts = [
            (entity_id, ListIndex::Entity, row.try_get::<_, i64>("entities")?),
            (event_type, ListIndex::Type, row.try_get("types")?),
            (event_version, ListIndex::Version, row.try_get("versions")?),
        ];
        let given = texts.into_iter().filter(|(text, ..)| text.is_some());
        let rarest = given.min_by_key(|(.., count)| *count);
        Ok(match rarest {
            // The filters that the counts know select every failure.
            None if counted == open => ListIndex::Newest,
            Some((_, index, count))
                if counted > FEW && (count <= FEW || counted * OFTEN >= open) =>
            {
                index
            }
            _ => ListIndex::Class,
        })
    }

    /// Returns whether no text of an event is a filter.
    fn is_without_texts(&self) -> bool {
        let RecordFilter { entity_id, event_type, event_version, .. } = &self.records;
        entity_id.is_none() && event_type.is_none() && event_version.is_none()
    }

    /// Returns whether the counts of failures know every filter that is set.
    pub(super) fn is_counted(&self) -> bool {
        self.is_without_texts() && self.records.from.is_none() && self.records.to.is_none()
    }

    /// Returns the values in the order of the statements' parameters.
    pub(super) fn values(self) -> Vec<(Value, Type)> {
        let class = self.error_class.map_or(Value::Null, Value::Text);
        self.records.values().into_iter().chain([(class, Type::TEXT)]).collect()
    }

    /// Returns the values of the filters that the counts of failures know, in the order of the
    /// statements' parameters.
    pub(super) fn counted_values(self) -> Vec<(Value, Type)> {
        let mut values = self.values();
        values.drain(3..8);
        values
    }
}
