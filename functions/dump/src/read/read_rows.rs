//! The rows of a part of a day, in the order of the key, in batches.
//!
//! One COPY gives them, or, where the day can be cut into [`Slices`], one after the other, two connections at once: what one reads while
//! the other's turn is waits in a channel that holds little more than a slice.

use std::sync::Arc;

use futures_util::{TryStreamExt, future::try_join_all, try_join};
use tokio::{
    sync::{Mutex, mpsc},
    time::{Instant, timeout_at},
};
use tokio_postgres::Client;
use weir_blob::Day;

use crate::{
    DumpError,
    ledger::Ledger,
    rows::{Batch, Batcher},
    slices::Slices,
    snapshot::Snapshot,
    source::{Only, Source, bounds},
};

/// Batches that a connection may be ahead within its slice: a slice and a little more.
const BATCHES_AHEAD: usize = 40;
/// Slices that wait for their turn.
const SLICES_AHEAD: usize = 2;

/// What is read.
pub struct Part<'p> {
    /// The table.
    pub source: &'p Source,
    /// The day.
    pub day: Day,
    /// Of the log only these streams.
    pub streams: Option<Vec<i32>>,
}

impl Part<'_> {
    /// The statement that copies it out as a whole.
    async fn copy_out(&self, client: &Client) -> Result<String, DumpError> {
        let (begin, end) = bounds(self.day);
        let streams: Option<Vec<String>> = self.streams.as_ref().map(|all| all.iter().map(i32::to_string).collect());
        let only = streams.as_deref().map(|values| Only { column: "stream", type_name: "integer", values });
        self.source.copy_out(client, begin..end, only).await
    }
}

/// Statements in the order of their rows, and the channels of those that are being read, in the same order.
struct Turns<'s> {
    statements: Statements<'s>,
    readers: mpsc::Sender<mpsc::Receiver<Batch>>,
}

enum Statements<'s> {
    One(Option<String>),
    Slices(Slices<'s>),
}

/// Reads a part to its end and gives each batch away. Hears of every batch's rows by `progress`.
pub async fn read<F: Future<Output = Result<(), DumpError>>>(
    snapshot: &Snapshot<'_>,
    part: &Part<'_>,
    deadline: Instant,
    progress: &(dyn Fn(u64) + Sync),
    give: impl Fn(Arc<Batch>) -> F,
) -> Result<Ledger, DumpError> {
    let all = async {
        let (readers, mut turns) = mpsc::channel(SLICES_AHEAD);
        let statements = match Slices::of(part.source, part.day) {
            Some(slices) => Statements::Slices(slices),
            None => Statements::One(Some(part.copy_out(snapshot.client()).await?)),
        };
        let reading = async {
            // It ends with the last reader, and that says that there are no more turns.
            let shared = Mutex::new(Turns { statements, readers });
            try_join_all(snapshot.clients().map(|client| take_turns(client, &shared))).await
        };
        let giving = async {
            let mut ledger = Ledger::new(part.source.columns.len(), part.source.position());
            while let Some(mut batches) = turns.recv().await {
                while let Some(batch) = batches.recv().await {
                    let batch = Arc::new(batch);
                    give(batch.clone()).await?;
                    ledger.batch(&batch)?;
                    progress(ledger.rows);
                }
            }
            progress(ledger.rows);
            Ok(ledger)
        };
        let (_, ledger) = try_join!(reading, giving)?;
        // Still ours? The lock of the day goes with the connection: without it somebody else may be writing these names.
        snapshot.client().batch_execute("-- still_here\nSELECT 1").await?;
        Ok(ledger)
    };
    timeout_at(deadline, all).await.map_err(|_| DumpError::Late(part.source.model.clone()))?
}

/// One connection: the next statement whose turn it is, until there is none.
async fn take_turns(client: &Client, turns: &Mutex<Turns<'_>>) -> Result<(), DumpError> {
    loop {
        let mut locked = turns.lock().await;
        let (copy, size) = match &mut locked.statements {
            Statements::One(copy) => (copy.take(), None),
            Statements::Slices(slices) => slices.next(client).await?.map(|slice| (slice.copy, slice.size)).unzip(),
        };
        let Some(copy) = copy else { return Ok(()) };
        let (give, batches) = mpsc::channel(BATCHES_AHEAD);
        locked.readers.send(batches).await.map_err(|_| DumpError::Broken("nobody takes the rows".to_owned()))?;
        drop(locked);
        let bytes = copy_out(client, &copy, give).await?;
        if let (Some(size), Statements::Slices(slices)) = (size, &mut turns.lock().await.statements) {
            slices.learn(size, bytes);
        }
    }
}

/// Reads one COPY to its end; gives how many bytes it had. Its channel ends with it: who takes the rows goes on before anybody waits for a turn.
async fn copy_out(client: &Client, copy: &str, give: mpsc::Sender<Batch>) -> Result<usize, DumpError> {
    let gone = |_| DumpError::Broken("nobody takes the rows".to_owned());
    let mut batcher = Batcher::new();
    let mut bytes = 0;
    let mut rows = Box::pin(client.copy_out(copy).await?);
    while let Some(message) = rows.try_next().await? {
        if let Some(batch) = batcher.push(&message)? {
            bytes += batch.data.len();
            give.send(batch).await.map_err(gone)?;
        }
    }
    if let Some(batch) = batcher.take() {
        bytes += batch.data.len();
        give.send(batch).await.map_err(gone)?;
    }
    if !batcher.ended() {
        return Err(DumpError::Broken("the database ended a COPY without its end".to_owned()));
    }
    Ok(bytes)
}
