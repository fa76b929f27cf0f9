//! The columns in the indexes of the log and of tables of plugins and external models, read from
//! the catalog.
//!
//! An event with text that is too long for an index is rejected during decoding. So the other
//! records of the batch are not written twice.

use tokio_postgres::types::Type;
use weir_model::{Event, Models, Record, Rejection, index_entry};

use crate::{Store, StoreError, plugin::Plugins, tx::TypedParam};

/// The indexes of a plugin's or an external model's tables over columns with names of an event's
/// fields.
#[derive(Debug, Default)]
pub(crate) struct IndexKeys(Vec<IndexKey>);

#[derive(Debug)]
struct IndexKey {
    /// The index of the model whose events are written to the table; `None` for a plugin, which
    /// gets all events.
    model: Option<usize>,
    table: String,
    fields: Vec<Field>,
}

/// A field of an event with the same name as a column.
#[derive(Debug, Clone, Copy)]
enum Field {
    Topic,
    Key,
    EntityId,
    EventType,
    EventVersion,
}

impl Field {
    fn of_column(name: &str) -> Option<Self> {
        Some(match name {
            "topic" => Self::Topic,
            "key" => Self::Key,
            "entity_id" => Self::EntityId,
            "event_type" => Self::EventType,
            "event_version" => Self::EventVersion,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Key => "key",
            Self::EntityId => "entity_id",
            Self::EventType => "event_type",
            Self::EventVersion => "event_version",
        }
    }

    fn bytes(self, record: &Record<'_>, event: &Event<'_>) -> usize {
        match self {
            Self::Topic => record.topic.len(),
            Self::Key => record.key.map_or(0, <[u8]>::len),
            Self::EntityId => event.entity_id.as_deref().map_or(0, str::len),
            Self::EventType => event.event_type.as_deref().map_or(0, str::len),
            Self::EventVersion => event.event_version.as_deref().map_or(0, str::len),
        }
    }
}

impl IndexKeys {
    pub(super) async fn read(
        store: &Store,
        models: &Models,
        plugins: &Plugins,
    ) -> Result<Self, StoreError> {
        let own_models =
            models.iter().filter(|model| !model.migrations().is_empty()).map(|model| model.name());
        let schemas: Vec<&str> =
            own_models.chain(plugins.iter().map(|plugin| plugin.name())).collect();
        if schemas.is_empty() {
            return Ok(Self::default());
        }
        let params: [TypedParam<'_>; 1] = [(&schemas, Type::TEXT_ARRAY)];
        let connection = store.acquire().await?;
        let rows =
            connection.client().query_typed(include_str!("../sql/index_keys.sql"), &params).await?;
        connection.give_back();
        let mut all = Vec::new();
        for row in &rows {
            let (schema, table): (&str, &str) = (row.try_get("schema")?, row.try_get("table")?);
            let fields: Vec<Field> = row
                .try_get::<_, Vec<&str>>("columns")?
                .into_iter()
                .filter_map(Field::of_column)
                .collect();
            if !fields.is_empty() {
                all.push(IndexKey {
                    model: models.index(schema),
                    table: format!("{schema}.{table}"),
                    fields,
                });
            }
        }
        Ok(Self(all))
    }

    /// Returns the rejection of an event with text that is too long for an index.
    pub(super) fn refuse(
        &self,
        model: Option<usize>,
        record: &Record<'_>,
        event: &Event<'_>,
    ) -> Option<Rejection> {
        // The log's own index.
        let entity_bytes = event.entity_id.as_deref().map_or(0, str::len);
        if entity_bytes > index_entry::BYTES_MAX {
            return Some(Rejection::too_long("entity_id has", entity_bytes));
        }
        self.0.iter().filter(|key| key.model.is_none() || key.model == model).find_map(|key| {
            let bytes = key.fields.iter().map(|field| field.bytes(record, event)).sum();
            (bytes > index_entry::BYTES_MAX).then(|| {
                let names: Vec<&str> = key.fields.iter().map(|field| field.name()).collect();
                Rejection::too_long(
                    &format!("{}, a key of {}, has", names.join(" and "), key.table),
                    bytes,
                )
            })
        })
    }
}
