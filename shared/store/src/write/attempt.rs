//! One try at a batch: one connection, one transaction.

use std::sync::OnceLock;

use weir_model::KafkaBatch;

use super::{Decoded, Mode, New, Writer, compare, days, dedupe, failures, halves, lock, log};
use crate::{Report, StoreError, Tx, pipeline::Pipeline};

impl Writer {
    /// Errors drop the connection with the transaction in it.
    pub(super) async fn attempt(&self, batch: &KafkaBatch, mode: Mode) -> Result<Report, StoreError> {
        let mut loan = self.store.take().await?;
        let copy = loan.copy_log(log::COPY_SQL).await?;
        let wanted = lock::Wanted::of(batch);
        let partitions = match lock::lock(loan.client(), &self.group_id, &wanted).await? {
            Some(partitions) => partitions,
            None => {
                lock::register(loan.client(), &self.group_id, &wanted).await?;
                // The partitions are there now, or somebody begins new epochs faster than we can lock them.
                lock::lock(loan.client(), &self.group_id, &wanted).await?.ok_or(StoreError::StreamChanged)?
            }
        };
        let tx = loan.tx();
        let settlements = lock::settle(&wanted, &partitions);
        compare::settled_records(&tx, batch, &partitions, &settlements).await?;

        let new = New::of(self, batch, &partitions, &settlements);
        let opened = new.open(self);
        let mut decoded = Decoded::of(self, &new, &opened);
        let repeats = dedupe::claim(&tx, self, &mut decoded).await?;

        let (stale, refused) = match mode {
            Mode::Whole => (self.write_whole(&tx, &copy, &decoded, &settlements).await?, 0),
            Mode::Halves => {
                let (stale, refusals) = halves::write(self, &tx, &copy, &decoded).await?;
                let refused = refusals.len();
                failures::insert(&tx, decoded.rejections().chain(refusals)).await?;
                lock::write_settled(&tx, &settlements).await?;
                days::mark(&tx, &decoded.days()).await?;
                tx.batch("COMMIT").await?;
                (stale, refused)
            }
        };
        loan.give_back();
        decoded.trace(&self.group_id);
        Ok(decoded.report(batch.len(), repeats, stale, refused))
    }

    /// Everything at once. Without plugins nothing is waited for but the last answer; a plugin's own statements wait
    /// for each other, so `COMMIT` then follows them.
    async fn write_whole(
        &self,
        tx: &Tx,
        copy: &tokio_postgres::Statement,
        decoded: &Decoded<'_>,
        settlements: &[lock::Settled],
    ) -> Result<usize, StoreError> {
        let everything: Vec<usize> = decoded.stored().collect();
        let (statements, changed) = (OnceLock::new(), decoded.days());
        let mut pipeline = Pipeline::default();
        if !everything.is_empty() {
            log::copy(tx, copy, decoded, &everything, &mut pipeline).await?;
        }
        // Sorted only now: the server is still busy with the end of the COPY.
        let statements = statements.get_or_init(|| decoded.upserts(&everything));
        let written_from = usize::from(!everything.is_empty());
        for statement in statements {
            pipeline.send(async { Ok(tx.run(statement).await?) }).await;
        }
        let rejections: Vec<_> = decoded.rejections().collect();
        if !rejections.is_empty() {
            pipeline.send(async { failures::insert(tx, rejections).await }).await;
        }
        pipeline.send(async { lock::close_gaps(tx, settlements).await }).await;
        pipeline.send(async { lock::open_gaps(tx, settlements).await }).await;
        pipeline.send(async { lock::move_on(tx, settlements).await }).await;
        if !changed.is_empty() {
            pipeline.send(async { days::mark(tx, &changed).await }).await;
        }
        let answers = if self.plugins.is_empty() {
            pipeline.send(async { tx.batch("COMMIT").await.map(|()| 0) }).await;
            pipeline.finish().await?
        } else {
            let answers = pipeline.finish().await?;
            self.apply_plugins(tx, decoded, &everything).await?;
            tx.batch("COMMIT").await?;
            answers
        };
        let asked: usize = statements.iter().map(|s| s.rows).sum();
        let written: u64 = answers.iter().skip(written_from).take(statements.len()).sum();
        Ok(asked.saturating_sub(usize::try_from(written).unwrap_or(usize::MAX)))
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
