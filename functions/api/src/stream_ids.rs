//! The topic and the group of a stream's short id. Streams are only added, so streams that were
//! read once stay valid.

use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
};

use tokio_postgres::Row;
use weir_http::ReadConnection;

use crate::ApiError;

/// The data of a stream that records show.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    pub(crate) topic: String,
    pub(crate) group_id: String,
    /// The stream's id, if it is not the topic's first stream. It is then part of the ids of its
    /// records.
    pub(crate) later: Option<i32>,
}

/// The streams by id.
pub(crate) type Known = Arc<HashMap<i32, Stream>>;

/// The streams that were read.
#[derive(Default)]
pub(crate) struct Streams(RwLock<Known>);

impl Streams {
    /// Returns the known streams, which include every stream in the column `stream` of these rows.
    pub(crate) async fn of(
        &self,
        rows: &[Row],
        reader: &ReadConnection,
    ) -> Result<Known, ApiError> {
        let known = self.0.read().map(|known| known.clone()).unwrap_or_default();
        let mut ids = rows.iter().map(|row| row.try_get::<_, i32>("stream").unwrap_or_default());
        if ids.all(|id| known.contains_key(&id)) { Ok(known) } else { self.now(reader).await }
    }

    /// Reads all present streams.
    pub(crate) async fn now(&self, reader: &ReadConnection) -> Result<Known, ApiError> {
        let mut known = HashMap::new();
        for row in reader.rows(include_str!("stream_ids.sql"), &[]).await? {
            let stream = Stream {
                topic: row.try_get("topic")?,
                group_id: row.try_get("group_id")?,
                later: row.try_get("later")?,
            };
            known.insert(row.try_get("id")?, stream);
        }
        let known = Arc::new(known);
        if let Ok(mut kept) = self.0.write() {
            *kept = known.clone();
        }
        Ok(known)
    }
}
