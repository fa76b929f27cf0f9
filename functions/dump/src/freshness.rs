//! Which days are dumped, stale or missing, and why no change goes unnoticed.
//!
//! # The argument
//!
//! Every transaction that may change rows of a day (ingest, retry, replay, restore) inserts a row
//! into `day_changes` with its own transaction id, in the same transaction: rows and mark are
//! visible together or not at all, and to the same snapshots. Of the log the day is that of
//! `now()`, which is what `arrived_at` holds; a skip that becomes an event marks the day on which
//! it arrived; a rebuild marks every day that has rows before it empties the table, since it may
//! not give them again.
//!
//! A dump of a day, under a lock of that day that all destinations share ([`DayLock`]):
//! 1. sets `dumps.snapshot` to null and commits: from here on the day is stale whatever happens, a
//!    killed process included;
//! 2. deletes the manifest;
//! 3. opens a REPEATABLE READ transaction, *after* the lock was granted, and notes its snapshot S:
//!    every row that it copies is visible in S, and no other;
//! 4. writes files and, last, the manifest;
//! 5. in one statement ([`record`]) sets `dumps.snapshot` to S and deletes the marks that S sees.
//!
//! A day is stale while `dumps.snapshot` is null or a mark is not visible in it. Take any
//! transaction T that changes the day and commits.
//! - S sees T: its rows are in the files. Its mark is deleted, or not yet; it makes no day stale.
//! - S does not see T, because T was still open at S (**the late batch that is open during the
//!   dump**) or began later: the mark's id is T's, so S does not see the mark either, whenever T
//!   commits. Step 5 leaves it, for it deletes only what S sees. The day is stale from T's commit
//!   on. (A clock or a sequence would not tell: T's are older than the dump's.)
//! - T rolls back: neither rows nor mark.
//!
//! So as long as marks are only deleted by step 5, a day is stale exactly while its files lack a
//! committed change, or may lack one. The rest is about deleting too much:
//! - *Another destination.* The marks that S sees may be unseen by the snapshot S' of the day's
//!   dump elsewhere. Step 5 sets that snapshot to null in the same statement. No dump of the day to
//!   elsewhere is under way meanwhile, for the lock is shared: a dump whose `snapshot` is null
//!   because it has not come to step 5 could otherwise record an S' for which the mark is gone
//!   already. A destination that has no row of the day yet finds the day by the others' rows.
//! - *A killed dump* leaves null from step 1. Killed between 4 and 5 it leaves a whole dump that
//!   counts as stale: once too often.
//! - *Compaction* ([`compact_changes`]) replaces the marks of days that are stale everywhere by one
//!   mark of its transaction, which begins later than any S that a dump under way has: what S did
//!   not see stays unseen.
//! - *Another database* (a restored backup, an upgrade by dump and load) counts transactions from
//!   another number. A snapshot that lies in the future counts as null; so `weir dump` once after
//!   such a move.
//!
//! `tests/stories/dumps/` plays the interleavings.

use tokio_postgres::{Client, error::SqlState, types::Type};
use weir_blob::UtcDay;
use weir_model::Micros;
use weir_store::{Connection, Store};

use crate::{
    DumpError,
    query::{Param, first},
};

const CHECK_LOCK: &str = "-- check_lock\nSELECT 1";

/// The state of a day at a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its files hold what the table holds.
    Dumped,
    /// Its rows changed since, or its dump was broken off.
    Stale,
    /// It was never dumped there.
    Missing,
}

impl Standing {
    /// As `weir dump status` prints it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dumped => "dumped",
            Self::Stale => "stale",
            Self::Missing => "missing",
        }
    }
}

/// A day that is known.
#[derive(Debug, Clone)]
pub struct DayState {
    /// The model.
    pub model: String,
    /// The day.
    pub day: UtcDay,
    /// Its state.
    pub standing: Standing,
    /// Rows of its last dump.
    pub rows: Option<i64>,
    /// Bytes of its last dump.
    pub bytes: Option<i64>,
    /// When it was last dumped.
    pub dumped_at: Option<Micros>,
    /// When that dump was verified.
    pub verified_at: Option<Micros>,
}

/// What is recorded of a dump.
pub(crate) struct DumpRecord<'r> {
    /// `pg_current_snapshot()` of the transaction that it was read in.
    pub(crate) snapshot: &'r str,
    pub(crate) rows: u64,
    /// Bytes of its files.
    pub(crate) bytes: u64,
    pub(crate) dumped_at: Micros,
}

/// The lock of a model's day, the same for all destinations; held until it is dropped. It is a row
/// of a table of our own, in a transaction that stays open on a connection of its own: an advisory
/// lock could be taken by whoever may connect.
pub(crate) struct DayLock(Connection);

impl DayLock {
    /// Takes it before the snapshot: one that waits for the lock must not read what was there
    /// before it waited.
    pub(crate) async fn take(store: &Store, model: &str, day: UtcDay) -> Result<Self, DumpError> {
        let connection = store.connect().await?;
        let client = connection.client();
        let params: [Param<'_>; 2] = [(&model, Type::TEXT), (&day.number(), Type::INT4)];
        client.execute_typed(include_str!("sql/make_day_lock.sql"), &params).await?;
        client.batch_execute("SET idle_in_transaction_session_timeout = 0; BEGIN").await?;
        match client.query_typed(include_str!("sql/lock_day.sql"), &params).await {
            Ok(_) => Ok(Self(connection)),
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                Err(DumpError::Busy { model: model.to_owned(), day: day.to_string() })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Fails when its connection closed, and the lock with it: another process may be writing the
    /// same names.
    pub(crate) async fn check(&self) -> Result<(), DumpError> {
        Ok(self.0.client().batch_execute(CHECK_LOCK).await?)
    }
}

/// Step 1: from here on the day is stale.
pub(crate) async fn begin(
    client: &Client,
    destination: &str,
    model: &str,
    day: UtcDay,
) -> Result<(), DumpError> {
    let params: [Param<'_>; 3] =
        [(&destination, Type::TEXT), (&model, Type::TEXT), (&day.number(), Type::INT4)];
    client.query_typed(include_str!("sql/begin_dump.sql"), &params).await?;
    Ok(())
}

/// Step 5: the manifest is written.
pub(crate) async fn record(
    client: &Client,
    destination: &str,
    model: &str,
    day: UtcDay,
    record: &DumpRecord<'_>,
) -> Result<(), DumpError> {
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let params: [Param<'_>; 7] = [
        (&destination, Type::TEXT),
        (&model, Type::TEXT),
        (&day.number(), Type::INT4),
        (&record.snapshot, Type::TEXT),
        (&number(record.rows), Type::INT8),
        (&number(record.bytes), Type::INT8),
        (&record.dumped_at, Type::TIMESTAMPTZ),
    ];
    let rows = client.query_typed(include_str!("sql/record_dump.sql"), &params).await?;
    match first(&rows)?.try_get("recorded")? {
        1_i64 => Ok(()),
        _ => Err(DumpError::Broken(format!(
            "the database lost the note that {model} {day} is being dumped"
        ))),
    }
}

/// The files were found equal to the table. Records nothing when the day was dumped again
/// meanwhile.
pub(crate) async fn record_verified(
    client: &Client,
    destination: &str,
    model: &str,
    day: UtcDay,
    dumped_at: Micros,
    now: Micros,
) -> Result<bool, DumpError> {
    let params: [Param<'_>; 5] = [
        (&destination, Type::TEXT),
        (&model, Type::TEXT),
        (&day.number(), Type::INT4),
        (&dumped_at, Type::TIMESTAMPTZ),
        (&now, Type::TIMESTAMPTZ),
    ];
    Ok(client.execute_typed(include_str!("sql/record_verified.sql"), &params).await? > 0)
}

/// Every day between two that is known of these models, the newest first.
pub(crate) async fn states(
    client: &Client,
    destination: &str,
    models: &[String],
    from: UtcDay,
    to: UtcDay,
) -> Result<Vec<DayState>, DumpError> {
    let params: [Param<'_>; 4] = [
        (&destination, Type::TEXT),
        (&models, Type::TEXT_ARRAY),
        (&from.number(), Type::INT4),
        (&to.number(), Type::INT4),
    ];
    let rows = client.query_typed(include_str!("sql/day_states.sql"), &params).await?;
    let mut states = Vec::with_capacity(rows.len());
    for row in &rows {
        let Some(day) = UtcDay::from_number(row.try_get("day")?) else { continue };
        let standing = match row.try_get("standing")? {
            "dumped" => Standing::Dumped,
            "stale" => Standing::Stale,
            _ => Standing::Missing,
        };
        states.push(DayState {
            model: row.try_get("model")?,
            day,
            standing,
            rows: row.try_get("rows")?,
            bytes: row.try_get("bytes")?,
            dumped_at: row.try_get("dumped_at")?,
            verified_at: row.try_get("verified_at")?,
        });
    }
    Ok(states)
}

/// Keeps `day_changes` short where no dump runs; returns the number of rows that were removed.
pub async fn compact_changes(client: &Client) -> Result<i64, DumpError> {
    let rows = client.query_typed(include_str!("sql/compact_changes.sql"), &[]).await?;
    Ok(first(&rows)?.try_get("removed")?)
}
