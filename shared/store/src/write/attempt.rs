//! One try at a batch: one connection, one transaction.

use weir_model::KafkaBatch;

use super::{Decoded, Mode, New, Writer, compare, days, dedupe, failures, halves, lock, log, whole};
use crate::{Report, StoreError, Tx};

impl Writer {
    /// Errors drop the connection with the transaction in it.
    pub(super) async fn attempt(&self, batch: &KafkaBatch, mode: Mode) -> Result<Report, StoreError> {
        let mut loan = self.store.take().await?;
        let statements = lock::Statements::prepare(&mut loan).await?;
        let wanted = lock::Wanted::of(batch);
        let mut partitions = lock::lock(loan.client(), &statements, &self.group_id, &wanted).await?;
        if partitions.is_none() {
            lock::register(loan.client(), &self.group_id, &wanted).await?;
            partitions = lock::lock(loan.client(), &statements, &self.group_id, &wanted).await?;
        }
        // The partitions are there now, or somebody begins new epochs faster than we can lock them.
        let partitions = partitions.ok_or(StoreError::StreamChanged)?;
        let tx = loan.tx();
        let settlements = lock::settle(&wanted, &partitions);
        compare::settled_records(&tx, &statements.checksums, batch, &partitions, &settlements).await?;

        let new = New::of(self, batch, &partitions, &settlements);
        let opened = new.open(self);
        let mut decoded = Decoded::begin(self, &new, &opened);
        let repeats = dedupe::claim(&tx, self, &mut decoded).await?;

        let (stale, refused) = match mode {
            Mode::Fresh | Mode::Whole => {
                (whole::write(self, &tx, &mut loan, &mut decoded, &settlements, &statements, mode == Mode::Fresh).await?, 0)
            }
            Mode::Halves => {
                decoded.decode(usize::MAX);
                let copy = loan.prepared(log::COPY_SQL, &[]).await?;
                let (stale, refusals) = halves::write(self, &tx, &copy, &decoded).await?;
                let refused = refusals.len();
                failures::insert(&tx, decoded.rejections().chain(refusals)).await?;
                lock::write_settled(&tx, &statements.move_on, &settlements).await?;
                days::mark(&tx, None, &decoded.days(), decoded.stored().next().is_some()).await?;
                tx.batch("COMMIT").await?;
                (stale, refused)
            }
        };
        loan.give_back();
        decoded.trace(&self.group_id);
        Ok(decoded.report(batch.len(), repeats, stale, refused))
    }

    /// Gives the chosen events to each plugin.
    pub(crate) async fn apply_plugins(&self, tx: &Tx, decoded: &Decoded<'_>, chosen: &[usize]) -> Result<(), StoreError> {
        if self.plugins.is_empty() {
            return Ok(());
        }
        let events = decoded.new_events(&self.group_id, chosen);
        if events.is_empty() {
            return Ok(());
        }
        for plugin in &self.plugins {
            let applied = plugin.apply(tx, &events).await;
            applied.map_err(|error| StoreError::Plugin { name: plugin.name().to_owned(), error })?;
        }
        Ok(())
    }
}
