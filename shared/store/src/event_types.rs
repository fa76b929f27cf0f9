//! The numbers of the types of events, which rows of the log have instead of the texts.
//!
//! A number belongs to a connection: after a failover to a late replica, another type may have it.
//! So each connection reads the numbers itself. A type without a number is stored as text, and gets
//! its number after the batch, so that a batch never waits for another one.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use tokio_postgres::{Client, Row, types::Type};

use crate::{StoreError, tx::column};

/// The most types with a number in a database. A topic may have a new type in each event, and a
/// list looks at each type. The SQL function `move_log_rows` has both limits, too.
const TYPES_MAX: usize = 4_000;
/// The longest type and the longest version with a number, in bytes.
const BYTES_MAX: usize = 256;

/// A type of one stream: whether its records are skipped, the type and the version.
type EventType = (i32, bool, Option<String>, Option<String>);

/// The numbers that a connection knows.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventTypes(HashMap<Box<[u8]>, i32>);

impl EventTypes {
    /// Reads all numbers.
    pub(crate) async fn read(client: &Client) -> Result<Arc<Self>, StoreError> {
        let rows = client.query_typed(include_str!("log/sql/read_event_types.sql"), &[]).await?;
        let mut types = Self::default();
        types.add(&rows)?;
        Ok(Arc::new(types))
    }

    fn add(&mut self, rows: &[Row]) -> Result<(), StoreError> {
        let mut key = Vec::new();
        for row in rows {
            write_key(
                &mut key,
                row.try_get("stream")?,
                row.try_get("skipped")?,
                row.try_get("event_type")?,
                row.try_get("event_version")?,
            );
            self.0.insert(key.as_slice().into(), row.try_get("id")?);
        }
        Ok(())
    }

    /// Gives numbers to types that have none. Must run after `COMMIT`.
    pub(crate) async fn learn(
        self: &mut Arc<Self>,
        client: &Client,
        unknown: &UnknownTypes,
    ) -> Result<(), StoreError> {
        if unknown.0.is_empty() || self.0.len() >= TYPES_MAX {
            return Ok(());
        }
        let most = i64::try_from(TYPES_MAX).unwrap_or(i64::MAX);
        let rows = client
            .query_typed(
                include_str!("log/sql/learn_event_types.sql"),
                &[
                    (&column(&unknown.0, |t| t.0), Type::INT4_ARRAY),
                    (&column(&unknown.0, |t| t.1), Type::BOOL_ARRAY),
                    (&column(&unknown.0, |t| t.2.as_deref()), Type::TEXT_ARRAY),
                    (&column(&unknown.0, |t| t.3.as_deref()), Type::TEXT_ARRAY),
                    (&most, Type::INT8),
                ],
            )
            .await?;
        Arc::make_mut(self).add(&rows)
    }
}

/// The types of a batch that have no number.
#[derive(Debug, Default)]
pub(crate) struct UnknownTypes(BTreeSet<EventType>);

/// Finds the numbers for the rows of a batch.
pub(crate) struct TypeIds {
    known: Arc<EventTypes>,
    unknown: UnknownTypes,
    key: Vec<u8>,
}

impl TypeIds {
    pub(crate) fn new(known: Arc<EventTypes>) -> Self {
        Self { known, unknown: UnknownTypes::default(), key: Vec::new() }
    }

    /// Returns the number of a type, or `None` for a type without a number.
    pub(crate) fn find(
        &mut self,
        stream: i32,
        skipped: bool,
        event_type: Option<&str>,
        version: Option<&str>,
    ) -> Option<i32> {
        write_key(&mut self.key, stream, skipped, event_type, version);
        let found = self.known.0.get(self.key.as_slice()).copied();
        let is_short = |text: Option<&str>| text.is_none_or(|text| text.len() <= BYTES_MAX);
        if found.is_none()
            && is_short(event_type)
            && is_short(version)
            && self.unknown.0.len() < TYPES_MAX
        {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            self.unknown.0.insert((stream, skipped, owned(event_type), owned(version)));
        }
        found
    }

    /// Returns the types that had no number.
    pub(crate) fn into_unknown(self) -> UnknownTypes {
        self.unknown
    }
}

/// Writes the parts into one key. A byte of UTF-8 is never 0xff, so it ends a text.
fn write_key(
    key: &mut Vec<u8>,
    stream: i32,
    skipped: bool,
    event_type: Option<&str>,
    version: Option<&str>,
) {
    key.clear();
    key.extend_from_slice(&stream.to_be_bytes());
    key.push(skipped.into());
    for text in [event_type, version] {
        key.push(text.is_some().into());
        key.extend_from_slice(text.unwrap_or_default().as_bytes());
        key.push(0xff);
    }
}
