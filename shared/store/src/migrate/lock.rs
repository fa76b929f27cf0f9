//! Two deployments at once wait for each other.
//!
//! The lock is a row of a table of our own: an advisory lock could be taken, and kept, by whoever
//! may connect. It is held by a transaction that stays open on a connection beside the one that
//! migrates.

use std::time::Duration;

use tokio::task::JoinHandle;

use crate::{Connection, StoreError};

/// How often readers that hold up a migration are looked for.
const LOOK: Duration = Duration::from_secs(10);

/// Waits for the row as long as another migrates.
const LOCK: &str = "-- migration_lock\nBEGIN; SELECT FROM public.migration_lock FOR UPDATE";
/// An error would end the transaction, and the lock with it.
const END_LONG_READERS: &str = "-- end_long_readers\nDO $$ BEGIN PERFORM public.end_long_readers(); EXCEPTION WHEN OTHERS THEN NULL; END $$";

/// Held until it is dropped.
pub(super) struct MigrationLock {
    holder: JoinHandle<Result<(), tokio_postgres::Error>>,
}

impl MigrationLock {
    /// Takes it on this connection, which acts as the schema's owner. A migration waits for readers
    /// that go beyond their limits, so these are ended meanwhile.
    pub(super) async fn take(connection: Connection) -> Result<Self, StoreError> {
        connection.client().batch_execute(include_str!("../sql/make_migration_lock.sql")).await?;
        connection.client().batch_execute(LOCK).await?;
        let holder = tokio::spawn(async move {
            loop {
                connection.client().batch_execute(END_LONG_READERS).await?;
                tokio::time::sleep(LOOK).await;
            }
        });
        Ok(Self { holder })
    }

    /// Fails when the connection was lost: another may have begun.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if self.holder.is_finished() {
            return Err(StoreError::Connect(
                "the connection that holds the lock of migrations was lost; migrate again"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}

impl Drop for MigrationLock {
    fn drop(&mut self) {
        // The connection is dropped with it, and the server ends the transaction.
        self.holder.abort();
    }
}
