//! Which partitions a batch touches: lock them, then read what they settle, later write it back.

use std::collections::BTreeMap;

use tokio_postgres::{
    Client, Statement,
    types::{ToSql, Type},
};
use weir_model::KafkaBatch;

use crate::{
    StoreError, Tx,
    settled::{self, PartitionState, Settlement},
    store::Loan,
    tx::Param,
};

/// A partition that a batch touches.
pub(super) struct WantedPartition {
    pub topic: String,
    pub partition: i32,
    /// Ascending, each once.
    pub offsets: Vec<i64>,
    /// The number of the first one in the batch; the others follow it.
    pub first_record: usize,
}

/// The partitions of a batch, in its order.
pub(super) struct Wanted(pub Vec<WantedPartition>);

/// A partition that is locked.
pub(super) struct Locked {
    pub stream: i32,
    pub state: PartitionState,
}

/// What a batch changes in one partition.
pub(super) struct Settled {
    pub stream: i32,
    pub partition: i32,
    pub before: PartitionState,
    pub settlement: Settlement,
    pub first_record: usize,
}

impl Wanted {
    pub(super) fn of(batch: &KafkaBatch) -> Self {
        let mut all: Vec<WantedPartition> = Vec::new();
        for (n, (topic, partition, offset, _)) in batch.coordinates().enumerate() {
            match all.last_mut() {
                Some(last) if last.partition == partition && last.topic == topic => last.offsets.push(offset),
                _ => all.push(WantedPartition { topic: topic.to_owned(), partition, offsets: vec![offset], first_record: n }),
            }
        }
        Self(all)
    }

    fn topics(&self) -> Vec<&str> {
        self.0.iter().map(|w| w.topic.as_str()).collect()
    }

    fn partitions(&self) -> Vec<i32> {
        self.0.iter().map(|w| w.partition).collect()
    }
}

/// What every batch runs, prepared.
pub(super) struct Statements {
    lock: Statement,
    read: Statement,
    pub(super) checksums: Statement,
    pub(super) move_on: Statement,
    pub(super) mark_days: Statement,
}

impl Statements {
    pub(super) async fn prepare(loan: &mut Loan<'_>) -> Result<Self, StoreError> {
        use Type as T;
        let (lock, read, checksums, move_on) = (
            [T::TEXT, T::TEXT_ARRAY, T::INT4_ARRAY],
            [T::TEXT, T::TEXT_ARRAY, T::INT4_ARRAY, T::INT8_ARRAY, T::INT8_ARRAY],
            [T::INT4_ARRAY, T::INT4_ARRAY, T::INT4_ARRAY, T::INT8_ARRAY, T::INT8_ARRAY],
            [T::INT4_ARRAY, T::INT4_ARRAY, T::INT8_ARRAY],
        );
        Ok(Self {
            lock: loan.prepared(include_str!("../sql/lock_partitions.sql"), &lock).await?,
            read: loan.prepared(include_str!("../sql/read_settled.sql"), &read).await?,
            checksums: loan.prepared(include_str!("../sql/read_checksums.sql"), &checksums).await?,
            move_on: loan.prepared(include_str!("../sql/settle_partitions.sql"), &move_on).await?,
            mark_days: super::days::prepare(loan).await?,
        })
    }
}

/// Begins the transaction and locks; none when a partition was never seen before (the transaction is over then).
///
/// Two statements, for a reason: one that locks and reads sees what was there before it waited.
pub(super) async fn lock(
    client: &Client,
    statements: &Statements,
    group_id: &str,
    wanted: &Wanted,
) -> Result<Option<Vec<Locked>>, StoreError> {
    let (topics, partitions) = (wanted.topics(), wanted.partitions());
    let firsts: Vec<i64> = wanted.0.iter().map(|w| w.offsets[0]).collect();
    let lasts: Vec<i64> = wanted.0.iter().map(|w| w.offsets[w.offsets.len() - 1]).collect();
    let which: [&(dyn ToSql + Sync); 5] = [&group_id, &topics, &partitions, &firsts, &lasts];
    // Sent in this order, one behind the other; the server begins each when the one before is done.
    let (begun, locked, read) = tokio::join!(
        biased;
        client.batch_execute("BEGIN"),
        client.query(&statements.lock, &which[..3]),
        client.query(&statements.read, &which),
    );
    begun?;
    let (locked, read) = (locked?, read?);
    if locked.len() != wanted.0.len() {
        client.batch_execute("ROLLBACK").await?;
        return Ok(None);
    }
    let mut held = BTreeMap::new();
    for row in &locked {
        held.insert((row.try_get::<_, String>(1)?, row.try_get::<_, i32>(2)?), row.try_get::<_, i32>(0)?);
    }
    let mut states = BTreeMap::new();
    for row in &read {
        let (starts, ends): (Vec<i64>, Vec<i64>) = (row.try_get(4)?, row.try_get(5)?);
        let gaps = starts.into_iter().zip(ends).map(|(start, end)| start..end).collect();
        let state = PartitionState { next_offset: row.try_get(3)?, gaps };
        states.insert((row.try_get::<_, String>(1)?, row.try_get::<_, i32>(2)?), Locked { stream: row.try_get(0)?, state });
    }
    let in_order = wanted.0.iter().map(|w| {
        let key = (w.topic.clone(), w.partition);
        // What was locked must be what is current now: a reset may have come in between.
        let (stream, locked) = (held.get(&key), states.remove(&key));
        locked.filter(|l| stream == Some(&l.stream)).ok_or(StoreError::StreamChanged)
    });
    in_order.collect::<Result<Vec<_>, _>>().map(Some)
}

/// Makes the rows of partitions that were never seen before, in a transaction of its own so that nobody
/// waits for ours.
pub(super) async fn register(client: &Client, group_id: &str, wanted: &Wanted) -> Result<(), StoreError> {
    let (topics, partitions) = (wanted.topics(), wanted.partitions());
    let which: [Param<'_>; 3] = [(&group_id, Type::TEXT), (&topics, Type::TEXT_ARRAY), (&partitions, Type::INT4_ARRAY)];
    client.batch_execute("BEGIN").await?;
    client.execute_typed(include_str!("../sql/register_streams.sql"), &which[..2]).await?;
    client.execute_typed(include_str!("../sql/register_partitions.sql"), &which).await?;
    client.batch_execute("COMMIT").await?;
    Ok(())
}

/// Applies the rule to every partition of the batch.
pub(super) fn settle(wanted: &Wanted, partitions: &[Locked]) -> Vec<Settled> {
    let both = wanted.0.iter().zip(partitions);
    both.map(|(w, locked)| Settled {
        stream: locked.stream,
        partition: w.partition,
        before: locked.state.clone(),
        settlement: settled::settle(&locked.state, &w.offsets),
        first_record: w.first_record,
    })
    .collect()
}

/// Writes what is settled now.
pub(super) async fn write_settled(tx: &Tx, statement: &Statement, settlements: &[Settled]) -> Result<(), StoreError> {
    close_gaps(tx, settlements).await?;
    open_gaps(tx, settlements).await?;
    move_on(tx, statement, settlements).await?;
    Ok(())
}

/// First step: gaps that are no more as they were. One statement, as the next two: a request in a pipeline.
pub(super) async fn close_gaps(tx: &Tx, settlements: &[Settled]) -> Result<u64, StoreError> {
    let closed: Vec<(&Settled, i64)> = settlements.iter().flat_map(|s| s.settlement.closed.iter().map(move |first| (s, *first))).collect();
    if closed.is_empty() {
        return Ok(0);
    }
    let (streams, partitions) = places(closed.iter().map(|(s, _)| *s));
    let firsts: Vec<i64> = closed.iter().map(|(_, first)| *first).collect();
    let params: [Param<'_>; 3] = [(&streams, Type::INT4_ARRAY), (&partitions, Type::INT4_ARRAY), (&firsts, Type::INT8_ARRAY)];
    Ok(tx.execute(include_str!("../sql/close_gaps.sql"), &params).await?)
}

/// Second step: what remains of them, and new ones.
pub(super) async fn open_gaps(tx: &Tx, settlements: &[Settled]) -> Result<u64, StoreError> {
    let opened: Vec<(&Settled, &settled::Range)> =
        settlements.iter().flat_map(|s| s.settlement.opened.iter().map(move |gap| (s, gap))).collect();
    if opened.is_empty() {
        return Ok(0);
    }
    let (streams, partitions) = places(opened.iter().map(|(s, _)| *s));
    let firsts: Vec<i64> = opened.iter().map(|(_, gap)| gap.start).collect();
    let ends: Vec<i64> = opened.iter().map(|(_, gap)| gap.end).collect();
    let params: [Param<'_>; 4] =
        [(&streams, Type::INT4_ARRAY), (&partitions, Type::INT4_ARRAY), (&firsts, Type::INT8_ARRAY), (&ends, Type::INT8_ARRAY)];
    Ok(tx.execute(include_str!("../sql/open_gaps.sql"), &params).await?)
}

/// Third step: how far each partition is settled.
pub(super) async fn move_on(tx: &Tx, statement: &Statement, settlements: &[Settled]) -> Result<u64, StoreError> {
    let moved: Vec<&Settled> = settlements.iter().filter(|s| s.settlement.next_offset != s.before.next_offset).collect();
    if moved.is_empty() {
        return Ok(0);
    }
    let (streams, partitions) = places(moved.iter().copied());
    let nexts: Vec<i64> = moved.iter().map(|s| s.settlement.next_offset).collect();
    Ok(tx.client().execute(statement, &[&streams, &partitions, &nexts]).await?)
}

fn places<'s>(settlements: impl Iterator<Item = &'s Settled>) -> (Vec<i32>, Vec<i32>) {
    settlements.map(|s| (s.stream, s.partition)).unzip()
}
