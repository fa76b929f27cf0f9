//! What the handlers share.

use std::sync::Arc;

use futures_util::{FutureExt, future::try_join_all};
use tokio_postgres::{Row, types::Type};
use uuid::Uuid;
use weir_store::{Store, StoreError, Writer};

use crate::{
    Access, ApiError, ApiLimits, Dumps, Health, Reader,
    builds::{self, get::Found},
    long_read::LongReads,
    per_thread::PerThread,
    streams::{Known, Streams},
    together::Together,
};

/// Everything that the routes need. Cheap to clone: every request does.
#[derive(Clone)]
pub struct ApiState(Arc<Shared>);

/// Pages by statement, limit and offset.
type Page = (&'static str, i64, i64);
type Pages = Together<Page, Arc<Vec<Row>>>;

/// What an [`ApiState`] holds.
pub struct Shared {
    /// For retries: the models, the topics that are bound to them, and the database.
    pub(crate) writer: Writer,
    /// For what is found by key, at once.
    pub(crate) reader: Reader,
    /// For what is asked for together, by key.
    keys: Reader,
    /// For lists. Answers on one connection come in the order of the questions: a slow list must not stand
    /// before a build that is found by its key.
    pub(crate) lists: Reader,
    /// Pages without filters.
    pub(crate) pages: PerThread<Pages>,
    /// Builds by id.
    pub(crate) builds: PerThread<Together<Uuid, Found>>,
    pub(crate) long_reads: LongReads,
    pub(crate) access: Access,
    pub(crate) limits: ApiLimits,
    pub(crate) health: Arc<dyn Health>,
    pub(crate) version: &'static str,
    pub(crate) dumps: Dumps,
    streams: Streams,
}

impl std::ops::Deref for ApiState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl ApiState {
    /// The state over the writer's database. `reader` reads from the same one, `access` is what requests have to show,
    /// `version` what `GET /` says.
    pub fn new(writer: Writer, reader: Reader, access: Access, limits: ApiLimits, health: Arc<dyn Health>, version: &'static str) -> Self {
        let store = writer.store().clone();
        let (lists, long_reads) = (Reader::of_lists(store.clone()), LongReads::new(store.clone()));
        // Without filters, one plan is good for all of them: not on the connection that plans anew each time.
        let unfiltered = Reader::new(store.clone());
        let pages = PerThread::new(|| pages(&unfiltered));
        let keys = Reader::of_keys(store);
        let builds = PerThread::new(|| builds::get::together(&keys));
        Self(Arc::new(Shared {
            writer,
            reader,
            keys,
            lists,
            pages,
            builds,
            long_reads,
            access,
            limits,
            health,
            version,
            dumps: Dumps::default(),
            streams: Streams::default(),
        }))
    }

    /// With these dumps. To be called before the state is cloned.
    #[must_use]
    pub fn with_dumps(mut self, dumps: Dumps) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.0) {
            shared.dumps = dumps;
        }
        self
    }

    /// Connects for what requests ask first, before the first one comes.
    pub async fn warm_up(&self) -> Result<(), StoreError> {
        try_join_all([&self.reader, &self.keys, &self.lists].map(Reader::ping)).await.map(drop)
    }

    pub(crate) fn store(&self) -> &Store {
        self.writer.store()
    }

    /// The streams that these rows name in their first column; all there are now, without rows.
    pub(crate) async fn streams(&self, rows: Option<&[Row]>) -> Result<Known, ApiError> {
        match rows {
            Some(rows) => self.streams.of(rows, &self.reader).await,
            None => self.streams.now(&self.reader).await,
        }
    }

    /// The topics that are bound to a model.
    pub(crate) fn topics_of(&self, model: &str) -> Vec<String> {
        self.writer.topics().of_model(model)
    }
}

fn pages(reader: &Reader) -> Pages {
    let reader = reader.clone();
    Together::new(move |asked: Vec<Page>| {
        let reader = reader.clone();
        async move {
            let page = async |(sql, limit, offset): Page| {
                let rows = reader.rows(sql, &[(&limit, Type::INT8), (&offset, Type::INT8)]).await?;
                Ok::<_, ApiError>(((sql, limit, offset), Arc::new(rows)))
            };
            Ok(try_join_all(asked.into_iter().map(page)).await?.into_iter().collect())
        }
        .boxed()
    })
}
