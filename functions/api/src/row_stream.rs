//! Reads of any length, on separate connections, so that a slow client does not block the shared
//! one. Memory stays constant, because the database waits for the client.

use std::{pin::Pin, sync::Arc, time::Duration};

use axum::body::{Body, Bytes};
use futures_util::{
    Stream, StreamExt, TryStreamExt,
    stream::{self, Fuse},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_postgres::{Row, RowStream, types::ToSql};
use weir_http::{CutOff, READ_SECONDS_MAX, SqlParam};
use weir_store::{Connection, Store, StoreError};

use crate::ApiError;

/// Maximum number of long reads at the same time. The next one waits, then gets the answer to try
/// again later.
const LONG_READS_MAX: usize = 4;
const WAIT_SECONDS_MAX: u64 = 10;
/// A client that reads no byte for this long is disconnected.
const STALLED_SECONDS_MAX: u64 = 30;
/// The size of a chunk of the body.
const CHUNK_BYTES: usize = 64 * 1024;
/// The size of the buffer, with space for the row that exceeds the chunk.
const BUFFER_BYTES: usize = CHUNK_BYTES + CHUNK_BYTES / 4;

/// The transaction ends with the connection. Compiling a plan takes longer than it saves, and its
/// estimated cost is very high here.
const MERGE: &str = "BEGIN READ ONLY; SET LOCAL enable_sort = off; SET LOCAL jit = off; \
    SET LOCAL max_parallel_workers_per_gather = 0";
const FIRST_ROW: StoreError = StoreError::Timeout("waiting for the first row");

/// Starts long reads. Cheap to clone.
#[derive(Clone)]
pub(crate) struct LongReads {
    store: Store,
    permits: Arc<Semaphore>,
    stalled: Duration,
}

/// Writes rows as a body.
pub(crate) trait Lines: Send + 'static {
    /// Writes the text before the first row.
    fn begin(&mut self, out: &mut Vec<u8>);
    /// Writes a row.
    fn row(&mut self, row: &Row, out: &mut Vec<u8>) -> Result<(), tokio_postgres::Error>;
    /// Writes the text after the last row.
    fn end(&mut self, out: &mut Vec<u8>);
}

/// Reads a list page by page.
pub(crate) trait NextPage: Send + 'static {
    /// Returns the rows of the next page, and whether there are more pages.
    fn next(&mut self) -> impl Future<Output = Result<(Arc<Vec<Row>>, bool), ApiError>> + Send;
}

/// The chunks of a body, with `None` as the last one. Without the `None`, the body was interrupted.
type Pieces = mpsc::Sender<Option<Bytes>>;

impl LongReads {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            permits: Arc::new(Semaphore::new(LONG_READS_MAX)),
            stalled: Duration::from_secs(STALLED_SECONDS_MAX),
        }
    }

    /// Begins the query, which takes its snapshot.
    pub(crate) async fn begin(
        &self,
        sql: &'static str,
        params: &[SqlParam<'_>],
    ) -> Result<Begun, ApiError> {
        self.begin_after(None, self.permit().await?, sql, params).await
    }

    /// Begins a query whose rows come from indexes in their order and are merged.
    pub(crate) async fn begin_merged(
        &self,
        sql: &'static str,
        params: &[SqlParam<'_>],
    ) -> Result<Begun, ApiError> {
        self.begin_after(Some(MERGE), self.permit().await?, sql, params).await
    }

    /// Begins such a query, and reads its first rows: as many as requested, if it has them. Returns
    /// `None` while other long reads take all places.
    pub(crate) async fn try_merged(
        &self,
        sql: &'static str,
        params: &[SqlParam<'_>],
        first: usize,
    ) -> Result<Option<Begun>, ApiError> {
        let Ok(permit) = self.permits.clone().try_acquire_owned() else { return Ok(None) };
        let read = async {
            let mut begun = self.begin_after(Some(MERGE), permit, sql, params).await?;
            begun.head = begun.rows.by_ref().take(first).try_collect().await?;
            Ok(Some(begun))
        };
        let limit = Duration::from_secs(READ_SECONDS_MAX);
        tokio::time::timeout(limit, read).await.map_err(|_| FIRST_ROW)?
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        let wait = Duration::from_secs(WAIT_SECONDS_MAX);
        let permit = tokio::time::timeout(wait, self.permits.clone().acquire_owned()).await;
        let permit = permit.map_err(|_| StoreError::Timeout("waiting for other long reads"))?;
        Ok(permit.map_err(|e| StoreError::Internal(e.to_string()))?)
    }

    async fn begin_after(
        &self,
        settings: Option<&str>,
        permit: OwnedSemaphorePermit,
        sql: &'static str,
        params: &[SqlParam<'_>],
    ) -> Result<Begun, ApiError> {
        let connection = self.store.connect().await?;
        if !self.store.is_pooled() {
            // A long read takes as long as the client takes. This module disconnects a client that
            // reads nothing. A server behind a pooler would not notice that: its timeout stays.
            // More rows are sorted in memory and not on the server's disk.
            const LONG: &str = "SET statement_timeout = 0; SET work_mem = '64MB'";
            connection.client().batch_execute(LONG).await?;
        }
        if let Some(settings) = settings {
            connection.client().batch_execute(settings).await?;
        }
        let params =
            params.iter().map(|(value, kind)| (*value as &(dyn ToSql + Sync), kind.clone()));
        let begun = tokio::time::timeout(
            Duration::from_secs(READ_SECONDS_MAX),
            connection.client().query_typed_raw(sql, params),
        );
        let rows = begun.await.map_err(|_| FIRST_ROW)??;
        Ok(Begun { head: Vec::new(), rows: Box::pin(rows.fuse()), connection, permit })
    }

    /// Returns the body with the rows of several pages. An error from now on interrupts the body,
    /// which every client notices.
    pub(crate) fn body_of_pages(
        &self,
        permit: OwnedSemaphorePermit,
        mut pages: impl NextPage,
        mut lines: impl Lines,
    ) -> Body {
        let (pieces, receiver) = mpsc::channel(1);
        let sending = Sending { _permit: permit, pieces, stalled: self.stalled };
        tokio::spawn(async move {
            let mut out = Vec::with_capacity(BUFFER_BYTES);
            lines.begin(&mut out);
            loop {
                let page = tokio::select! {
                    page = pages.next() => page,
                    () = sending.pieces.closed() => return,
                };
                let written = page.and_then(|(rows, more)| {
                    rows.iter().try_for_each(|row| lines.row(row, &mut out))?;
                    Ok(more)
                });
                match written {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        tracing::warn!(%error, "a long read ended before all rows were sent");
                        return;
                    }
                }
                let piece = std::mem::replace(&mut out, Vec::with_capacity(BUFFER_BYTES));
                if !sending.send(Some(piece.into())).await {
                    return;
                }
            }
            lines.end(&mut out);
            sending.end(out).await;
        });
        body_of(receiver)
    }

    /// Returns the body with the rows. An error from now on interrupts the body, which every client
    /// notices.
    pub(crate) fn body(&self, begun: Begun, lines: impl Lines) -> Body {
        let (pieces, receiver) = mpsc::channel(1);
        let sending = Sending { _permit: begun.permit, pieces, stalled: self.stalled };
        let pump = Pump { _connection: begun.connection, sending };
        tokio::spawn(pump.run(stream::iter(begun.head).map(Ok).chain(begun.rows), lines));
        body_of(receiver)
    }
}

/// Returns the body with these pieces.
fn body_of(receiver: mpsc::Receiver<Option<Bytes>>) -> Body {
    Body::from_stream(stream::try_unfold(receiver, |mut receiver| async move {
        let piece = receiver.recv().await.ok_or(CutOff)?;
        Ok::<_, CutOff>(piece.map(|piece| (piece, receiver)))
    }))
}

/// A query that has begun, with its connection and its permit.
pub(crate) struct Begun {
    /// The rows that were read.
    head: Vec<Row>,
    rows: Pin<Box<Fuse<RowStream>>>,
    connection: Connection,
    permit: OwnedSemaphorePermit,
}

impl Begun {
    /// Returns the rows that were read.
    pub(crate) fn head(&self) -> &[Row] {
        &self.head
    }

    /// Ends the query. Returns the rows that were read.
    pub(crate) fn into_head(self) -> Vec<Row> {
        self.head
    }

    /// Ends the query.
    pub(crate) fn into_permit(self) -> OwnedSemaphorePermit {
        self.permit
    }
}

/// Sends rows to the client, and keeps the connection until the end.
struct Pump {
    _connection: Connection,
    sending: Sending,
}

/// Sends the pieces of a body to the client, and keeps the permit until the end.
struct Sending {
    _permit: OwnedSemaphorePermit,
    pieces: Pieces,
    stalled: Duration,
}

impl Pump {
    async fn run(
        self,
        mut rows: impl Stream<Item = Result<Row, tokio_postgres::Error>> + Unpin,
        mut lines: impl Lines,
    ) {
        let mut out = Vec::with_capacity(BUFFER_BYTES);
        lines.begin(&mut out);
        loop {
            let row = tokio::select! {
                row = rows.next() => row,
                // The next row may take long, and the client is gone.
                () = self.sending.pieces.closed() => return,
            };
            match row.map(|row| row.and_then(|row| lines.row(&row, &mut out))) {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    tracing::warn!(
                        error = weir_store::describe(&error),
                        "a long read ended before all rows were sent"
                    );
                    return;
                }
                None => break,
            }
            if out.len() >= CHUNK_BYTES
                && !self
                    .sending
                    .send(Some(
                        std::mem::replace(&mut out, Vec::with_capacity(BUFFER_BYTES)).into(),
                    ))
                    .await
            {
                return;
            }
        }
        lines.end(&mut out);
        self.sending.end(out).await;
    }
}

impl Sending {
    /// Sends the last piece, and that it is the last one.
    async fn end(&self, out: Vec<u8>) {
        if self.send(Some(out.into())).await {
            self.send(None).await;
        }
    }

    /// Waits for the client, with a time limit. Returns whether the client is still connected.
    async fn send(&self, piece: Option<Bytes>) -> bool {
        let sent = tokio::time::timeout(self.stalled, self.pieces.send(piece)).await;
        if sent.is_err() {
            tracing::warn!(
                "a long read ended before all rows were sent, because its client does not read"
            );
        }
        matches!(sent, Ok(Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use tokio_postgres::types::Type;

    use weir_store::log;
    use weir_testkit::Record;

    use super::*;
    use crate::{list::Value, testing::ApiWorld};

    /// Writes one byte for each row.
    struct Dots;

    impl Lines for Dots {
        fn begin(&mut self, out: &mut Vec<u8>) {
            out.push(b'[');
        }
        fn row(&mut self, row: &Row, out: &mut Vec<u8>) -> Result<(), tokio_postgres::Error> {
            row.try_get::<_, i32>(0)?;
            out.push(b'.');
            Ok(())
        }
        fn end(&mut self, out: &mut Vec<u8>) {
            out.push(b']');
        }
    }

    const DIVIDE: &str = "-- divide\nSELECT $1 / (n - 200000) FROM generate_series(1, 300000) n";

    #[tokio::test]
    async fn a_read_that_fails_midway_is_cut_off() {
        let world = ApiWorld::new().await;
        let reads = LongReads::new(world.store());
        let body =
            reads.body(reads.begin(DIVIDE, &[(&1_i32, Type::INT4)]).await.expect("begins"), Dots);
        to_bytes(body, usize::MAX).await.expect_err("the 200,000th row cannot be computed");
    }

    #[tokio::test]
    async fn a_client_that_stalls_is_cut_off_and_can_tell() {
        let world = ApiWorld::new().await;
        let reads =
            LongReads { stalled: Duration::from_millis(50), ..LongReads::new(world.store()) };
        let begun = reads
            .begin("-- many\nSELECT generate_series($1, 1000000)", &[(&1_i32, Type::INT4)])
            .await
            .expect("begins");
        let body = reads.body(begun, Dots);
        let free = async || (reads.permits.available_permits() == LONG_READS_MAX).then_some(());
        weir_testkit::eventually(weir_testkit::PATIENCE, free)
            .await
            .expect("its place is free again");
        to_bytes(body, usize::MAX).await.expect_err("no end is made up");
    }

    #[tokio::test]
    async fn rows_that_were_read_early_are_sent_first() {
        let world = ApiWorld::new().await;
        let reads = LongReads::new(world.store());
        for rows in [0, 2, 3, 200_000_i32] {
            let sql = "-- some\nSELECT generate_series(1, $1)";
            let begun = reads.try_merged(sql, &[(&rows, Type::INT4)], 3).await.expect("reads");
            let begun = begun.expect("there is room");
            let rows = usize::try_from(rows).expect("a number of rows");
            assert_eq!(begun.head().len(), rows.min(3));
            let body = to_bytes(reads.body(begun, Dots), usize::MAX).await.expect("a whole body");
            assert_eq!(body.len(), rows + 2);
        }
    }

    /// Only the events of further types and those without a time may be sorted.
    #[tokio::test]
    async fn a_merged_read_takes_the_order_from_indexes() {
        let world = ApiWorld::new().await;
        let order = |offset| Record {
            topic: "orders".into(),
            offset,
            value: format!(r#"{{"kind": "k{}"}}"#, offset % 3).into(),
            ..Record::default()
        };
        world.deliver((0..30).map(order)).await;
        let kinds = [
            Type::INT8,
            Type::INT8,
            Type::TEXT_ARRAY,
            Type::TEXT,
            Type::INT4,
            Type::TEXT,
            Type::TEXT,
            Type::TEXT,
            Type::TIMESTAMPTZ,
            Type::TIMESTAMPTZ,
            Type::TEXT,
            Type::BOOL,
            Type::TIMESTAMPTZ,
            Type::TIMESTAMPTZ,
            Type::INT4,
            Type::INT4,
            Type::INT8,
        ];
        let params: Vec<SqlParam<'_>> =
            kinds.into_iter().map(|kind| (&Value::Null as _, kind)).collect();
        let sql: &'static str = ["EXPLAIN ", log::MERGED_EVENTS].concat().leak();
        let begun = LongReads::new(world.store()).begin_merged(sql, &params).await.expect("begins");
        let plan: Vec<String> =
            begun.rows.map(|row| row.expect("a line").get(0)).collect::<Vec<_>>().await;
        let sorts = plan
            .iter()
            .filter(|line| line.trim_start_matches([' ', '-', '>']).starts_with("Sort  ("));
        // Further types, packed rows, and events without a time.
        assert!(sorts.count() <= 3, "{}", plan.join("\n"));
    }

    #[tokio::test]
    async fn a_client_that_reads_slowly_holds_up_no_more_than_its_place() {
        let world = ApiWorld::new().await;
        let reads = LongReads::new(world.store());
        let endless = "-- endless\nSELECT generate_series($1, 2000000000)";
        let stuck = "-- stuck\nSELECT n + $1 FROM generate_series(1, 5000) n UNION ALL SELECT $1 FROM pg_sleep(100)";
        for sql in [endless, stuck, endless] {
            let mut slow = Vec::new();
            for _ in 0..LONG_READS_MAX {
                slow.push(reads.body(
                    reads.begin(sql, &[(&1_i32, Type::INT4)]).await.expect("there is room"),
                    Dots,
                ));
            }
            assert_eq!(reads.permits.available_permits(), 0);
            let early = reads.try_merged(endless, &[(&1_i32, Type::INT4)], 1).await;
            assert!(early.expect("does not wait").is_none());
            assert_eq!(world.get("/build").await.text(), "[]");
        }
    }
}
