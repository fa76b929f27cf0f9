//! One attempt to store a batch: one connection, one transaction.

use std::time::Duration;

use weir_model::KafkaBatch;

use super::{
    Decoded, NewRecords, WriteMode, Writer, append::CopyLog, batch_statements::BatchStatements,
    bisect, days, dedupe, failures, lock_partitions::lock_partitions,
    partition_work::PartitionWork, pipelined, register_partitions::register_partitions,
    save_progress::save_progress, verify_checksums::verify_checksums,
};
use crate::{
    HealthKind, ReadRange, Report, StoreError, Tx, event_types::UnknownTypes,
    report::refused_reason,
};

/// The time for which `/healthz` reports a batch with many refused records.
const REFUSED_NAMED: Duration = Duration::from_hours(1);

impl Writer {
    /// An error drops the connection, which rolls the transaction back.
    pub(super) async fn attempt(
        &self,
        batch: &KafkaBatch,
        read: &[ReadRange],
        group_id: &str,
        mode: WriteMode,
    ) -> Result<Report, StoreError> {
        self.read_index_keys().await?;
        let mut connection = self.store.acquire().await?;
        let statements = BatchStatements::prepare(&mut connection).await?;
        let mut work = PartitionWork::of(batch, read);
        let mut locked =
            lock_partitions(connection.client(), &statements, group_id, &mut work).await?;
        if locked.is_none() {
            register_partitions(connection.client(), group_id, &work).await?;
            // The partitions are known now. If the lock fails again, another process begins new
            // epochs at the same time.
            locked = lock_partitions(connection.client(), &statements, group_id, &mut work).await?;
        }
        let begun_at = locked.ok_or(StoreError::StreamChanged)?;
        let tx = connection.tx();
        verify_checksums(&tx, &statements.checksums, self.store.is_pooled(), batch, &work).await?;
        // Until the reset, records that look like duplicates may be records that are not stored.
        if let Some(found) = work.iter().find_map(|w| w.contradiction.as_ref()) {
            return Err(StoreError::NotReset(found.line()));
        }

        let new = NewRecords::of(batch, &work, begun_at);
        let opened = new.open(self);
        let mut decoded = Decoded::begin(self, group_id, &new, &opened);
        let repeats = dedupe::claim(&tx, &mut decoded).await?;

        let (mut refused, mut reason, mut unknown) = (0, None, UnknownTypes::default());
        let stale = match mode {
            WriteMode::CopyNewKeys | WriteMode::Upsert => {
                let copy_new_keys = mode == WriteMode::CopyNewKeys;
                let written = pipelined::write(
                    self,
                    &tx,
                    &mut connection,
                    &mut decoded,
                    &work,
                    &statements,
                    copy_new_keys,
                );
                let stale;
                (stale, unknown) = written.await?;
                stale
            }
            WriteMode::Bisect => {
                decoded.decode(usize::MAX);
                let copy = CopyLog::of(&mut connection).await?;
                let (stale, refusals) = bisect::write(self, &tx, &copy, &decoded).await?;
                refused = refusals.len();
                reason =
                    refused_reason(refusals.iter().map(|refusal| refusal.refused_by.as_deref()));
                failures::insert(&tx, decoded.rejections().chain(refusals)).await?;
                save_progress(&tx, &statements.advance, &work).await?;
                days::mark(&tx, None, &decoded.days(), decoded.stored().next().is_some()).await?;
                tx.batch("COMMIT").await?;
                stale
            }
        };
        // `tx` holds the connection, too.
        drop(tx);
        if connection.learn(&unknown).await {
            connection.give_back();
        }
        decoded.trace();
        let gaps = work.iter().filter_map(PartitionWork::opened_gap).collect();
        if let Some(reason) = &reason {
            self.health.add_for(REFUSED_NAMED, HealthKind::Refused, "", None, reason.as_str());
        }
        Ok(Report {
            gaps,
            refused_reason: reason,
            ..decoded.report(batch.len(), repeats, stale, refused)
        })
    }

    /// Passes the chosen events to each plugin.
    pub(crate) async fn apply_plugins(
        &self,
        tx: &Tx,
        decoded: &Decoded<'_>,
        chosen: &[usize],
    ) -> Result<(), StoreError> {
        if self.plugins.is_empty() {
            return Ok(());
        }
        let events = decoded.new_events(chosen);
        if events.is_empty() {
            return Ok(());
        }
        for plugin in &self.plugins {
            let applied = plugin.apply(tx, &events).await;
            applied
                .map_err(|error| StoreError::Plugin { name: plugin.name().to_owned(), error })?;
        }
        Ok(())
    }
}
