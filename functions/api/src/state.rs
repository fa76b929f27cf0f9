//! The state that the handlers share.

use std::sync::Arc;

use futures_util::{FutureExt, future::try_join_all};
use tokio_postgres::{Row, types::Type};
use uuid::Uuid;
use weir_archive::ArchiveReader;
use weir_http::{
    Access, BatchLoader, FoundRow, HttpLimits, PerThread, ReadConnection, ReadError, row_loader,
};
use weir_model::Micros;
use weir_store::{Store, StoreError, Writer, archive};

use crate::{
    ApiError, Dumps, Health,
    row_stream::LongReads,
    stream_ids::{Known, Streams},
};

/// Everything that the routes need. Cheap to clone, because every request clones it.
#[derive(Clone)]
pub struct ApiState(Arc<Shared>);

/// A page by statement, limit and offset.
type Page = (&'static str, i64, i64);
type Pages = BatchLoader<Page, Arc<Vec<Row>>>;

/// The data of an [`ApiState`].
pub struct Shared {
    /// For retries: the models, the topics bound to them, and the database.
    pub(crate) writer: Writer,
    /// For single rows that are found by key.
    pub(crate) reader: ReadConnection,
    /// For rows by key that are requested together.
    pub(crate) keys: ReadConnection,
    /// For lists. One connection answers its queries in order, so a slow list must not delay a
    /// build that is found by its key.
    pub(crate) lists: ReadConnection,
    /// How lists are read from the database, and from its replica.
    own: ListReads,
    replica: Option<ListReads>,
    /// Builds by id.
    pub(crate) builds: PerThread<BatchLoader<Uuid, FoundRow>>,
    pub(crate) access: Access,
    pub(crate) limits: HttpLimits,
    pub(crate) health: Arc<dyn Health>,
    pub(crate) version: &'static str,
    pub(crate) dumps: Dumps,
    /// Archived days of the log, where the dumps are.
    pub(crate) archive: ArchiveReader,
    newest_archived: PerThread<BatchLoader<(), Micros>>,
    streams: Streams,
}

/// How lists are read.
pub(crate) struct ListReads {
    pub(crate) lists: ReadConnection,
    pub(crate) keys: ReadConnection,
    /// Pages without filters.
    pub(crate) pages: PerThread<Pages>,
    /// Whole lists.
    pub(crate) long_reads: LongReads,
}

impl ListReads {
    fn new(store: &Store) -> Self {
        let unfiltered = ReadConnection::of_pages(store.clone());
        Self {
            lists: ReadConnection::of_lists(store.clone()),
            keys: ReadConnection::of_keys(store.clone()),
            pages: PerThread::new(|| pages(&unfiltered)),
            long_reads: LongReads::new(store.clone()),
        }
    }
}

impl std::ops::Deref for ApiState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl ApiState {
    /// Returns a state for the writer's database. `reader` reads from the same database, `access`
    /// is required from requests, and `GET /` shows `version`.
    pub fn new(
        writer: Writer,
        reader: ReadConnection,
        access: Access,
        limits: HttpLimits,
        health: Arc<dyn Health>,
        version: &'static str,
    ) -> Self {
        let own = ListReads::new(writer.store());
        let (lists, keys) = (own.lists.clone(), own.keys.clone());
        let newest_archived = PerThread::new(|| newest_archived(&keys));
        let builds =
            PerThread::new(|| row_loader(&keys, include_str!("routes/builds/get.sql"), "id"));
        Self(Arc::new(Shared {
            writer,
            reader,
            keys,
            lists,
            own,
            replica: None,
            builds,
            access,
            limits,
            health,
            version,
            dumps: Dumps::default(),
            archive: ArchiveReader::new(None),
            newest_archived,
            streams: Streams::default(),
        }))
    }

    /// Adds the dumps. Must be called before the state is cloned.
    #[must_use]
    pub fn with_dumps(mut self, dumps: Dumps) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.0) {
            shared.archive = ArchiveReader::new(dumps.store().cloned());
            shared.dumps = dumps;
        }
        self
    }

    /// Reads lists from a replica of the database, if there is one. Must be called before the state
    /// is cloned.
    #[must_use]
    pub fn with_replica(mut self, replica: Option<&Store>) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.0) {
            shared.replica = replica.map(ListReads::new);
        }
        self
    }

    /// Returns how a list is read. A list that may lag is read from the replica.
    pub(crate) fn reads(&self, may_lag: bool) -> &ListReads {
        self.replica.as_ref().filter(|_| may_lag).unwrap_or(&self.own)
    }

    /// Opens the connections before the first request.
    pub async fn warm_up(&self) -> Result<(), StoreError> {
        try_join_all([&self.reader, &self.keys, &self.lists].map(ReadConnection::ping))
            .await
            .map(drop)
    }

    /// Returns the latest time of an event in the archive; `None` if it has no events. Requests
    /// that come at the same time share the answer.
    pub(crate) async fn newest_archived(&self) -> Result<Option<Micros>, ApiError> {
        Ok(self.newest_archived.find(()).await?)
    }

    pub(crate) fn store(&self) -> &Store {
        self.writer.store()
    }

    /// Returns the streams in the column `stream` of these rows. Without rows, returns all present
    /// streams.
    pub(crate) async fn streams(&self, rows: Option<&[Row]>) -> Result<Known, ApiError> {
        match rows {
            Some(rows) => self.streams.of(rows, &self.reader).await,
            None => self.streams.now(&self.reader).await,
        }
    }

    /// Returns the topics that are bound to a model.
    pub(crate) fn topics_of(&self, model: &str) -> Vec<String> {
        self.writer.topics().of_model(model)
    }
}

fn newest_archived(reader: &ReadConnection) -> BatchLoader<(), Micros> {
    let reader = reader.clone();
    BatchLoader::new(move |_: Vec<()>| {
        let reader = reader.clone();
        async move {
            let row = reader.row(archive::NEWEST, &[]).await?;
            let newest = row.map(|row| row.try_get::<_, Option<Micros>>("newest")).transpose()?;
            Ok(newest.flatten().map(|newest| ((), newest)).into_iter().collect())
        }
        .boxed()
    })
}

fn pages(reader: &ReadConnection) -> Pages {
    let reader = reader.clone();
    BatchLoader::new(move |asked: Vec<Page>| {
        let reader = reader.clone();
        async move {
            let page = async |(sql, limit, offset): Page| {
                let rows = reader.rows(sql, &[(&limit, Type::INT8), (&offset, Type::INT8)]).await?;
                Ok::<_, ReadError>(((sql, limit, offset), Arc::new(rows)))
            };
            Ok(try_join_all(asked.into_iter().map(page)).await?.into_iter().collect())
        }
        .boxed()
    })
}
