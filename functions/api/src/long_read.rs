//! Reads of any length, on connections of their own: a client that takes its time must not hold up the
//! shared one. Memory stays constant: the database waits for the client.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::body::{Body, Bytes};
use futures_util::{StreamExt, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_postgres::{Row, types::ToSql};
use weir_store::{Connection, Store, StoreError};

use crate::{ApiError, reader::Param};

/// So many at a time; the next one waits, then is told to come again.
const LONG_READS_MAX: usize = 4;
const WAIT_SECONDS_MAX: u64 = 10;
/// A client that takes no byte for so long is gone.
const STALLED_SECONDS_MAX: u64 = 30;
/// Written out in pieces of this size.
const CHUNK_BYTES: usize = 64 * 1024;

/// Opens long reads. Cheap to clone.
#[derive(Clone)]
pub(crate) struct LongReads {
    store: Store,
    permits: Arc<Semaphore>,
}

/// How rows become a body.
pub(crate) trait Lines: Send + 'static {
    /// Before the first row.
    fn begin(&mut self, out: &mut Vec<u8>);
    /// A row.
    fn row(&mut self, row: &Row, out: &mut Vec<u8>) -> Result<(), tokio_postgres::Error>;
    /// After the last row.
    fn end(&mut self, out: &mut Vec<u8>);
}

type Pieces = mpsc::Sender<Result<Bytes, StoreError>>;

impl LongReads {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, permits: Arc::new(Semaphore::new(LONG_READS_MAX)) }
    }

    /// Begins the query and gives the body that its rows become. What fails later cuts the body off, which every
    /// client notices.
    pub(crate) async fn body(&self, sql: &'static str, params: &[Param<'_>], lines: impl Lines) -> Result<Body, ApiError> {
        let wait = Duration::from_secs(WAIT_SECONDS_MAX);
        let permit = tokio::time::timeout(wait, self.permits.clone().acquire_owned()).await;
        let permit =
            permit.map_err(|_| StoreError::Timeout("waiting for other long reads"))?.map_err(|e| StoreError::Connect(e.to_string()))?;
        let connection = self.store.connect().await?;
        let params = params.iter().map(|(value, kind)| (*value as &(dyn ToSql + Sync), kind.clone()));
        let rows = connection.client().query_typed_raw(sql, params).await?;
        let (pieces, receiver) = mpsc::channel(1);
        tokio::spawn(pump(Open { _connection: connection, _permit: permit }, rows, lines, pieces));
        let pieces = stream::unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|piece| (piece, receiver)) });
        Ok(Body::from_stream(pieces))
    }
}

/// What stays open as long as the read.
struct Open {
    _connection: Connection,
    _permit: OwnedSemaphorePermit,
}

async fn pump(open: Open, rows: tokio_postgres::RowStream, mut lines: impl Lines, pieces: Pieces) {
    let mut rows = Box::pin(rows);
    let mut out = Vec::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 4);
    lines.begin(&mut out);
    loop {
        match rows.next().await.map(|row| row.and_then(|row| lines.row(&row, &mut out))) {
            Some(Ok(())) if out.len() < CHUNK_BYTES => {}
            Some(Ok(())) => {
                let full = std::mem::replace(&mut out, Vec::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 4));
                if send(&pieces, Ok(full.into())).await.is_err() {
                    break;
                }
            }
            Some(Err(error)) => {
                let error = StoreError::from(error);
                tracing::warn!(%error, "a long read was cut off");
                // The client may be gone by now.
                let _ = send(&pieces, Err(error)).await;
                break;
            }
            None => {
                lines.end(&mut out);
                let _ = send(&pieces, Ok(out.into())).await;
                break;
            }
        }
    }
    drop(open);
}

/// Waits for the client, not forever. The error says no more than that it is gone.
async fn send(pieces: &Pieces, piece: Result<Bytes, StoreError>) -> Result<(), Option<Infallible>> {
    let stalled = Duration::from_secs(STALLED_SECONDS_MAX);
    tokio::time::timeout(stalled, pieces.send(piece)).await.map_err(|_| None)?.map_err(|_| None)
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use tokio_postgres::types::Type;

    use super::*;
    use crate::world::World;

    /// One byte a row.
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
        let world = World::new().await;
        let reads = LongReads::new(world.store());
        let body = reads.body(DIVIDE, &[(&1_i32, Type::INT4)], Dots).await.expect("begins");
        to_bytes(body, usize::MAX).await.expect_err("the 200,000th row cannot be computed");
    }

    #[tokio::test]
    async fn a_client_that_reads_slowly_holds_up_no_more_than_its_place() {
        let world = World::new().await;
        let reads = LongReads::new(world.store());
        let endless = "-- endless\nSELECT n FROM generate_series($1, 2000000000) n";
        let mut slow = Vec::new();
        for _ in 0..LONG_READS_MAX {
            slow.push(reads.body(endless, &[(&1_i32, Type::INT4)], Dots).await.expect("begins"));
        }
        assert_eq!(reads.permits.available_permits(), 0);
        assert_eq!(world.get("/build").await.text(), "[]");
        slow.clear();
        reads.body(endless, &[(&1_i32, Type::INT4)], Dots).await.expect("there is room again");
    }
}
