//! Finds the days that are dumped, stale or missing, and proves that no change is missed.
//!
//! # The proof
//!
//! Every transaction that may change rows of a day (ingest, retry, replay, restore) inserts a row
//! into `day_changes` in the same transaction. This mark contains the transaction's own id. So the
//! rows and the mark become visible together, in the same snapshots.
//! * In the log, the day of a row is the day of `now()`, which is stored in `arrived_at`.
//! * A skipped record that becomes an event marks the day on which it arrived.
//! * A rebuild marks every day that has rows before it empties the table, because the rebuild may
//!   not produce these rows again.
//!
//! A dump of a day takes a lock of that day, which all destinations share ([`DayLock`]). Then it
//! does these steps:
//! 1. It sets `dumps.snapshot` to null and commits. From here on the day is stale, even if the
//!    process is killed.
//! 2. It deletes the manifest.
//! 3. It opens a REPEATABLE READ transaction, *after* it has the lock, and notes the transaction's
//!    snapshot S. It copies exactly the rows that are visible in S.
//! 4. It writes the files and, last, the manifest.
//! 5. In one statement ([`record`]) it sets `dumps.snapshot` to S and deletes the marks that are
//!    visible in S.
//!
//! A day is stale while `dumps.snapshot` is null or a mark is not visible in this snapshot. Take
//! any transaction T that changes the day and commits.
//! * T is visible in S: its rows are in the files. Its mark does not make the day stale, whether
//!   the mark is already deleted or not.
//! * T is not visible in S, because T was still open at S (**the late batch that is open during the
//!   dump**) or began later. The mark has the id of T, so the mark is not visible in S either,
//!   whenever T commits. Step 5 keeps the mark, because it deletes only marks that are visible in
//!   S. The day is stale after T's commit. (A clock or a sequence could not detect this, because
//!   T's values are older than those of the dump.)
//! * T rolls back: there are no rows and no mark.
//!
//! So if only step 5 deletes marks, a day is stale exactly while its files lack a committed change,
//! or may lack one. The following cases are about marks that are deleted too early:
//! * *Another destination.* A mark that is visible in S may not be visible in S', the snapshot of
//!   the day's dump at another destination. Step 5 sets that snapshot to null in the same
//!   statement. No other dump of the day can run at the same time, because the lock is shared.
//!   Otherwise a dump that has not reached step 5 could record an S' after the mark for it was
//!   deleted. A destination that has no row of the day yet finds the day in the rows of the other
//!   destinations.
//! * *A killed dump* leaves the null of step 1. If it is killed between steps 4 and 5, its complete
//!   dump counts as stale, and the day is dumped once more than necessary.
//! * *Compaction* ([`compact_changes`]) replaces the marks of days that are stale at every
//!   destination with one new mark. The new mark has the id of the compaction's transaction, which
//!   begins later than any S of a running dump. So a change that is not visible in S stays not
//!   visible.
//! * *Retention of a series.* A removed day counts as dumped, whatever marks it has, because a
//!   removed row is not stored again. It is not dumped again, because its dump would be empty.
//!   Retention takes the locks of the days that it removes, and so does the move of rows into a new
//!   month. So no dump reads these days in an older snapshot, in which the new table has no rows.
//! * *Another database* (a restored backup, an upgrade by dump and load) counts transactions from
//!   another number. A snapshot in the future counts as null. So run `weir dump` once after such a
//!   move.
//!
//! # With a replica
//!
//! The rows may be read from a replica ([`Dumper::with_reader`](crate::Dumper::with_reader)). All
//! steps except reading stay on the database itself. Then S is the snapshot of a statement on the
//! database, *before* step 1, and step 3 begins a transaction on the replica that sees the version
//! of the row that step 1 wrote. A replica applies commits in the order of the write-ahead log. So
//! the transaction also sees everything that was committed before step 1, and that includes
//! everything that is visible in S.
//! * T is visible in S: its rows are in the files, as above.
//! * T is not visible in S: its mark stays, and the day is stale after T's commit. The files may
//!   have the rows of T already; then the day is dumped once more than necessary.
//!
//! The snapshot of the replica is not used: PostgreSQL does not say which transactions are open in
//! a snapshot of a replica.
//!
//! `tests/stories/dumps/` tests these cases.

use std::ops::Range;
use tokio::join;
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
    /// The files contain the rows of the table.
    Dumped,
    /// The rows changed after the dump, or the dump was interrupted.
    Stale,
    /// The day was never dumped at this destination.
    Missing,
}

impl Standing {
    /// Returns the word that `weir dump status` prints.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dumped => "dumped",
            Self::Stale => "stale",
            Self::Missing => "missing",
        }
    }
}

/// The state of a day that has a change or a dump.
#[derive(Debug, Clone)]
pub struct DayState {
    /// The model.
    pub model: String,
    /// The day.
    pub day: UtcDay,
    /// The state at the destination.
    pub standing: Standing,
    /// Rows of the last dump.
    pub rows: Option<i64>,
    /// Bytes of the last dump.
    pub bytes: Option<i64>,
    /// The time of the last dump.
    pub dumped_at: Option<Micros>,
    /// The time when the last dump was verified.
    pub verified_at: Option<Micros>,
}

/// The data that is recorded about a dump.
pub(crate) struct DumpRecord<'r> {
    /// `pg_current_snapshot()` of the transaction that read the rows.
    pub(crate) snapshot: &'r str,
    pub(crate) rows: u64,
    /// Bytes of the dump's files.
    pub(crate) bytes: u64,
    pub(crate) dumped_at: Micros,
}

/// The lock of a model's day, the same for all destinations. It is held until it is dropped.
///
/// The lock is a row of the table `dump_locks`, in a transaction that stays open on a separate
/// connection. It is not an advisory lock, because every user who may connect can take one.
pub(crate) struct DayLock(Connection);

impl DayLock {
    /// Takes the lock. The dump must begin its snapshot after this call, because rows may have
    /// changed while it waited.
    pub(crate) async fn take(store: &Store, model: &str, day: UtcDay) -> Result<Self, DumpError> {
        let connection = store.connect_or_take().await?;
        let client = connection.client();
        let params: [Param<'_>; 2] = [(&model, Type::TEXT), (&day.number(), Type::INT4)];
        // Sent in this order without waiting; the server runs each one after the previous one.
        let (made, begun, locked) = join!(
            biased;
            client.execute_typed(include_str!("sql/make_day_lock.sql"), &params),
            client.batch_execute("SET idle_in_transaction_session_timeout = 0; BEGIN"),
            client.query_typed(include_str!("sql/lock_day.sql"), &params),
        );
        made?;
        begun?;
        match locked {
            Ok(_) => Ok(Self(connection)),
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                Err(DumpError::Busy { model: model.to_owned(), day: day.to_string() })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Returns an error when the connection is closed. Then the lock is lost too, and another
    /// process may write files with the same names.
    pub(crate) async fn check(&self) -> Result<(), DumpError> {
        Ok(self.0.client().batch_execute(CHECK_LOCK).await?)
    }
}

/// Step 1 of a dump: marks the day as stale. Returns the version of the row.
pub(crate) async fn begin(
    client: &Client,
    destination: &str,
    model: &str,
    day: UtcDay,
) -> Result<String, DumpError> {
    let params: [Param<'_>; 3] =
        [(&destination, Type::TEXT), (&model, Type::TEXT), (&day.number(), Type::INT4)];
    let rows = client.query_typed(include_str!("sql/begin_dump.sql"), &params).await?;
    Ok(first(&rows)?.try_get("version")?)
}

/// The version of the row that [`begin`] wrote.
pub(crate) struct BegunRow<'b> {
    pub(crate) destination: &'b str,
    pub(crate) model: &'b str,
    pub(crate) day: UtcDay,
    pub(crate) version: &'b str,
}

impl BegunRow<'_> {
    /// Returns whether a transaction on a replica sees it.
    pub(crate) async fn is_seen(&self, client: &Client) -> Result<bool, DumpError> {
        let params: [Param<'_>; 4] = [
            (&self.destination, Type::TEXT),
            (&self.model, Type::TEXT),
            (&self.day.number(), Type::INT4),
            (&self.version, Type::TEXT),
        ];
        let rows = client.query_typed(include_str!("sql/has_version.sql"), &params).await?;
        Ok(!rows.is_empty())
    }
}

/// Step 5 of a dump, after the manifest is written.
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
            "the database lost the row in dumps that marks {model} {day} as being dumped: dump the \
                day again"
        ))),
    }
}

/// Records that the files are equal to the table. Records nothing when the day was dumped again
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

/// Returns the state of every known day between `from` and `to` of these models, the newest first.
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

/// Returns an error when retention removed the day. Call it with the lock of the day, which
/// retention takes too.
pub(crate) async fn refuse_removed(
    client: &Client,
    model: &str,
    day: UtcDay,
) -> Result<(), DumpError> {
    if is_removed(client, model, day).await? {
        return Err(DumpError::Refused(format!(
            "retention removed the rows of {model} {day}, so its dump is not written again"
        )));
    }
    Ok(())
}

/// Returns whether retention removed the day of a series.
pub(crate) async fn is_removed(
    client: &Client,
    model: &str,
    day: UtcDay,
) -> Result<bool, DumpError> {
    let params: [Param<'_>; 2] = [(&model, Type::TEXT), (&day.number(), Type::INT4)];
    let rows = client.query_typed(include_str!("sql/find_removal.sql"), &params).await?;
    Ok(!rows.is_empty())
}

/// Returns the ranges of days that retention removed, with their models.
pub(crate) async fn removals(client: &Client) -> Result<Vec<(String, Range<i32>)>, DumpError> {
    let rows = client.query_typed(include_str!("sql/removals.sql"), &[]).await?;
    rows.iter()
        .map(|row| Ok((row.try_get("model")?, row.try_get("first")?..row.try_get("end")?)))
        .collect()
}

/// Deletes the marks of days that retention removed. A late event of such a day changes no row, so
/// its mark means nothing.
pub(crate) async fn forget_removed_days(client: &Client) -> Result<(), DumpError> {
    client.execute_typed(include_str!("sql/forget_removed_days.sql"), &[]).await?;
    Ok(())
}

/// Reduces the number of rows in `day_changes` where no dump runs. Returns the number of removed
/// rows.
pub async fn compact_changes(client: &Client) -> Result<i64, DumpError> {
    let rows = client.query_typed(include_str!("sql/compact_changes.sql"), &[]).await?;
    Ok(first(&rows)?.try_get("removed")?)
}
