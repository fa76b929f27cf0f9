//! The transactions that read a day: a REPEATABLE READ transaction, and a second one that sees the
//! same rows.

use tokio_postgres::Client;
use weir_store::{Connection, Store};

use crate::{DumpError, query::first, table::DumpTable};

const BEGIN: &str = include_str!("../sql/begin_snapshot.sql");
const CURRENT: &str = "-- snapshot\nSELECT pg_current_snapshot()::text AS snapshot";
const END: &str = "-- end_snapshot\nROLLBACK";

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
        let rows = client.query_typed(CURRENT, &[]).await?;
        Ok(Self { first: client, second: None, visible: first(&rows)?.try_get("snapshot")? })
    }

    /// Begins the second transaction, when two can read `table`.
    pub(crate) async fn begin_second_for(
        &mut self,
        table: &DumpTable,
        store: &Store,
    ) -> Result<(), DumpError> {
        if table.time_key().is_some() { self.begin_second(store).await } else { Ok(()) }
    }

    /// Begins the second transaction. If the database refuses another connection, the first one
    /// reads all rows.
    pub async fn begin_second(&mut self, store: &Store) -> Result<(), DumpError> {
        let connection = match store.connect().await {
            Ok(connection) => connection,
            Err(error) => {
                tracing::info!(%error, "no second connection to the database; the dump reads with \
                    one connection");
                return Ok(());
            }
        };
        let rows = self.first.query_typed(include_str!("../sql/export_snapshot.sql"), &[]).await?;
        let import: String = first(&rows)?.try_get("statement")?;
        connection.client().batch_execute(BEGIN).await?;
        connection.client().batch_execute(&import).await?;
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
