//! The moment that a day is read in: one REPEATABLE READ transaction, and a second one beside it that sees the same.

use tokio_postgres::Client;
use weir_store::{Connection, Store};

use crate::{DumpError, source::Source};

/// Transactions that see the same.
pub struct Snapshot<'c> {
    first: &'c Client,
    second: Option<Connection>,
    /// `pg_current_snapshot()` of both.
    pub visible: String,
}

impl<'c> Snapshot<'c> {
    /// Begins the first.
    pub async fn begin(client: &'c Client) -> Result<Self, DumpError> {
        client.batch_execute(include_str!("sql/begin_snapshot.sql")).await?;
        let visible = client.query_one("-- snapshot\nSELECT pg_current_snapshot()::text", &[]).await?.try_get(0)?;
        Ok(Self { first: client, second: None, visible })
    }

    /// Begins the second, where `source` can be read by two. Where the database has no room for one more connection, the first reads alone.
    pub async fn begin_second_for(&mut self, source: &Source, store: &Store) -> Result<(), DumpError> {
        if source.timed().is_some() { self.begin_second(store).await } else { Ok(()) }
    }

    /// Begins the second.
    pub async fn begin_second(&mut self, store: &Store) -> Result<(), DumpError> {
        let connection = match store.connect().await {
            Ok(connection) => connection,
            Err(error) => {
                tracing::info!(%error, "no second connection: the dump reads with one");
                return Ok(());
            }
        };
        let import: String = self.first.query_one(include_str!("sql/export_snapshot.sql"), &[]).await?.try_get(0)?;
        connection.client().batch_execute(include_str!("sql/begin_snapshot.sql")).await?;
        connection.client().batch_execute(&import).await?;
        self.second = Some(connection);
        Ok(())
    }

    /// The first transaction's.
    pub fn client(&self) -> &Client {
        self.first
    }

    /// Each transaction's.
    pub fn clients(&self) -> impl Iterator<Item = &Client> {
        std::iter::once(self.first).chain(self.second.as_ref().map(Connection::client))
    }

    /// Ends them. A snapshot that was read from in vain is better ended with its connection, which waits for no rest.
    pub async fn end(self) -> Result<(), DumpError> {
        Ok(self.first.batch_execute("-- end_snapshot\nROLLBACK").await?)
    }
}
