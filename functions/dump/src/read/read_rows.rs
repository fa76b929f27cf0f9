//! Reads the rows of a part of a day in the order of the key, in batches.
//!
//! One COPY reads the rows. If the day can be cut into [`Slices`], there is one COPY for each
//! slice, on two connections at once. A connection that is ahead puts its rows into a channel,
//! which holds little more than a slice.

use std::sync::Arc;

use futures_util::{TryStreamExt, future::try_join_all, try_join};
use tokio::{
    sync::{Mutex, mpsc},
    time::{Instant, timeout_at},
};
use tokio_postgres::Client;

use super::{Part, Snapshot, batcher::Batcher, slices::Slices};
use crate::{DumpError, copy_format::Batch, row_stats::RowStats};

/// How many batches a connection may be ahead in its slice: a slice and a little more.
const BATCHES_AHEAD: usize = 40;
/// Number of slices that wait for their turn.
const SLICES_AHEAD: usize = 2;

/// The statements in the order of their rows. When the COPY of a statement begins, its channel is
/// sent to `channels`, in the same order.
struct Queue<'t> {
    statements: Statements<'t>,
    channels: mpsc::Sender<mpsc::Receiver<Batch>>,
}

enum Statements<'t> {
    One(Option<String>),
    Slices(Slices<'t>),
}

/// Reads all rows of a part and passes each batch to `take`. Reports the number of rows so far to
/// `progress`.
pub(crate) async fn read_rows<F: Future<Output = Result<(), DumpError>>>(
    snapshot: &Snapshot<'_>,
    part: &Part<'_>,
    deadline: Instant,
    progress: &(dyn Fn(u64) + Sync),
    take: impl Fn(Arc<Batch>) -> F,
) -> Result<RowStats, DumpError> {
    let all = async {
        let (channels, mut in_order) = mpsc::channel(SLICES_AHEAD);
        let statements = match Slices::of(part.table, part.day) {
            Some(slices) => Statements::Slices(slices),
            None => Statements::One(Some(part.copy_out(snapshot.client()).await?)),
        };
        let reading = async {
            // The last reader drops the queue, which closes `in_order`.
            let queue = Mutex::new(Queue { statements, channels });
            try_join_all(snapshot.clients().map(|client| read_queue(client, &queue))).await
        };
        let taking = async {
            let mut stats = RowStats::new(part.table.columns.len(), part.table.position());
            while let Some(mut batches) = in_order.recv().await {
                while let Some(batch) = batches.recv().await {
                    let batch = Arc::new(batch);
                    take(batch.clone()).await?;
                    stats.add(&batch)?;
                    progress(stats.rows);
                }
            }
            progress(stats.rows);
            Ok(stats)
        };
        let (_, stats) = try_join!(reading, taking)?;
        Ok(stats)
    };
    timeout_at(deadline, all).await.map_err(|_| DumpError::Late(part.table.model.clone()))?
}

/// Runs the statements of the queue on one connection until the queue is empty.
async fn read_queue(client: &Client, queue: &Mutex<Queue<'_>>) -> Result<(), DumpError> {
    loop {
        let mut locked = queue.lock().await;
        let (copy, size) = match &mut locked.statements {
            Statements::One(copy) => (copy.take(), None),
            Statements::Slices(slices) => {
                slices.next(client).await?.map(|slice| (slice.copy, slice.size)).unzip()
            }
        };
        let Some(copy) = copy else { return Ok(()) };
        let (sender, batches) = mpsc::channel(BATCHES_AHEAD);
        locked.channels.send(batches).await.map_err(|_| abandoned())?;
        drop(locked);
        let bytes = copy_out(client, &copy, sender).await?;
        if let (Some(size), Statements::Slices(slices)) = (size, &mut queue.lock().await.statements)
        {
            slices.learn(size, bytes);
        }
    }
}

/// Reads all rows of one COPY. Returns the number of bytes. It closes its channel before the caller
/// waits for the queue again, so that the receiver continues with the next channel.
async fn copy_out(
    client: &Client,
    copy: &str,
    batches: mpsc::Sender<Batch>,
) -> Result<usize, DumpError> {
    let mut batcher = Batcher::new();
    let mut bytes = 0;
    let mut rows = Box::pin(client.copy_out(copy).await?);
    while let Some(message) = rows.try_next().await? {
        if let Some(batch) = batcher.push(&message)? {
            bytes += batch.data.len();
            batches.send(batch).await.map_err(|_| abandoned())?;
        }
    }
    if let Some(batch) = batcher.take() {
        bytes += batch.data.len();
        batches.send(batch).await.map_err(|_| abandoned())?;
    }
    if !batcher.ended {
        return Err(DumpError::Broken("the database ended a COPY without the trailer".to_owned()));
    }
    Ok(bytes)
}

fn abandoned() -> DumpError {
    DumpError::Broken("the task that receives the rows ended".to_owned())
}
