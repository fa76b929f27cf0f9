//! The lock that makes concurrent deployments wait for each other.
//!
//! The lock is a row of a table, because any user who can connect could take and keep an advisory
//! lock. A transaction on a separate connection holds the row.

use std::time::Duration;

use tokio::task::JoinHandle;

use crate::{Connection, StoreError};

/// The interval between checks for readers that delay a migration.
const LOOK: Duration = Duration::from_secs(10);

/// Waits for the row while another deployment migrates.
const LOCK: &str = "-- migration_lock\nBEGIN; SELECT FROM public.migration_lock FOR UPDATE";
/// An error would end the transaction and so release the lock.
const END_LONG_READERS: &str = "-- end_long_readers\nDO $$ BEGIN PERFORM public.end_long_readers(); EXCEPTION WHEN OTHERS THEN NULL; END $$";

/// The lock, until this value is dropped.
pub(super) struct MigrationLock {
    holder: JoinHandle<Result<(), tokio_postgres::Error>>,
}

impl MigrationLock {
    /// Takes the lock on this connection, which acts as the schema's owner.
    ///
    /// A migration waits for readers. In the meantime, readers that exceed their limits are ended.
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

    /// Returns an error if the connection was lost, because another deployment may have started.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if self.holder.is_finished() {
            return Err(StoreError::Connect(
                "the connection that holds the migration lock was lost: run `weir migrate` again"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}

impl Drop for MigrationLock {
    fn drop(&mut self) {
        // Aborting the task drops the connection, and the server ends the transaction.
        self.holder.abort();
    }
}
