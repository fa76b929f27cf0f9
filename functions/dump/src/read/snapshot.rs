//! The transactions that read a day: a REPEATABLE READ transaction, and a second one that sees the
//! same rows.

use std::time::Duration;

use futures_util::future::join;
use tokio::time::Instant;
use tokio_postgres::Client;
use weir_store::{Connection, Store};

use crate::{DumpError, freshness::BegunRow, query::first};

const BEGIN: &str = include_str!("../sql/begin_snapshot.sql");
const CURRENT: &str = "-- snapshot\nSELECT pg_current_snapshot()::text AS snapshot";
const END: &str = "-- end_snapshot\nROLLBACK";

/// The longest time that a dump waits for a replica.
const REPLICA_LIMIT: Duration = Duration::from_mins(1);
const REPLICA_PAUSE: Duration = Duration::from_millis(100);

/// Returns what a transaction that begins now would see.
pub(crate) async fn current(client: &Client) -> Result<String, DumpError> {
    let rows = client.query_typed(CURRENT, &[]).await?;
    Ok(first(&rows)?.try_get("snapshot")?)
}

/// Opens the connection of a second transaction. `None` when the database refuses another one; then
/// the first transaction reads all rows.
pub(crate) async fn open_second(store: &Store) -> Option<Connection> {
    let opened = store.connect().await;
    opened
        .inspect_err(|error| {
            tracing::info!(%error, "no second connection to the database; the dump reads with \
                one connection");
        })
        .ok()
}

/// One or two transactions that see the same rows.
pub struct Snapshot<'c> {
    first: &'c Client,
    second: Option<Connection>,
    /// `pg_current_snapshot()` of both.
    pub(crate) visible: String,
}

impl<'c> Snapshot<'c> {
    /// Begins the first transaction.
    pub async fn begin(client: &'c Client) -> Result<Self, DumpError> {
        client.batch_execute(BEGIN).await?;
        Ok(Self { first: client, second: None, visible: current(client).await? })
    }

    /// Begins the transaction on a replica, when it sees the row of the dump. Then it also sees
    /// everything in `visible`. `None` when it does not within the limit.
    pub(crate) async fn begin_on_replica(
        client: &'c Client,
        visible: String,
        begun: &BegunRow<'_>,
    ) -> Result<Option<Self>, DumpError> {
        let limit = Instant::now() + REPLICA_LIMIT;
        loop {
            client.batch_execute(BEGIN).await?;
            // In the same snapshot as the rows.
            if begun.is_seen(client).await? {
                return Ok(Some(Self { first: client, second: None, visible }));
            }
            client.batch_execute(END).await?;
            if Instant::now() >= limit {
                return Ok(None);
            }
            tokio::time::sleep(REPLICA_PAUSE).await;
        }
    }

    /// Begins the second transaction.
    pub async fn begin_second(&mut self, connection: Connection) -> Result<(), DumpError> {
        let second = connection.client();
        let export = self.first.query_typed(include_str!("../sql/export_snapshot.sql"), &[]);
        let (rows, begun) = join(export, second.batch_execute(BEGIN)).await;
        let (rows, ()) = (rows?, begun?);
        let import: String = first(&rows)?.try_get("statement")?;
        second.batch_execute(&import).await?;
        self.second = Some(connection);
        Ok(())
    }

    /// Returns the connection of the first transaction.
    pub(crate) fn client(&self) -> &Client {
        self.first
    }

    /// Returns the connection of each transaction.
    pub fn clients(&self) -> impl Iterator<Item = &Client> {
        std::iter::once(self.first).chain(self.second.as_ref().map(Connection::client))
    }

    /// Ends the first transaction. The second one ends with its connection.
    ///
    /// Do not call this after an error of reading. In that case drop the connections, which does
    /// not wait for the remaining rows.
    pub(crate) async fn end(self) -> Result<(), DumpError> {
        Ok(self.first.batch_execute(END).await?)
    }
}
