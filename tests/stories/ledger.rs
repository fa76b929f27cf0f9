//! A plugin that records each call, and refuses the events that a test selects.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use tokio_postgres::types::{ToSql, Type};
use weir_model::models;
use weir_plugin::{DatabasePlugin, Migration, NewEvent, PluginError, Tx};
use weir_store::{Writer, migrate};
use weir_tests::World;

/// The plugin's answer to an event, from its index in the slice and the number of calls of `apply`.
pub(crate) type Verdict = fn(usize, &NewEvent<'_>, usize) -> Result<(), PluginError>;

/// The plugin `ledger`: it stores a row for each event. An event that is applied twice has two
/// rows.
pub(crate) struct Ledger {
    verdict: Verdict,
    sql: &'static str,
    calls: AtomicUsize,
}

const INSERT: &str = "-- ledger.insert
INSERT INTO ledger.entries SELECT * FROM unnest($1, $2, $3)";

impl Ledger {
    pub(crate) fn new(verdict: Verdict) -> Self {
        Self { verdict, sql: INSERT, calls: AtomicUsize::new(0) }
    }

    /// Creates a ledger with another statement.
    pub(crate) fn with_sql(sql: &'static str) -> Self {
        Self { sql, ..Self::new(|_, _, _| Ok(())) }
    }

    /// Returns how often `apply` was called.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl DatabasePlugin for Ledger {
    fn name(&self) -> &'static str {
        "ledger"
    }

    fn migrations(&self) -> &'static [Migration] {
        // The table has no key, so an event that is applied twice is stored twice.
        &[Migration {
            version: 1,
            name: "entries",
            sql: "CREATE TABLE entries (stream integer NOT NULL, partition integer NOT NULL, \"offset\" bigint NOT NULL)",
        }]
    }

    async fn apply(&self, tx: &Tx, events: &[NewEvent<'_>]) -> Result<(), PluginError> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        for (index, event) in events.iter().enumerate() {
            (self.verdict)(index, event, call)?;
        }
        let streams: Vec<i32> = events.iter().map(|e| e.stream).collect();
        let partitions: Vec<i32> = events.iter().map(|e| e.partition).collect();
        let offsets: Vec<i64> = events.iter().map(|e| e.offset).collect();
        let params: [(&(dyn ToSql + Sync), Type); 3] = [
            (&streams, Type::INT4_ARRAY),
            (&partitions, Type::INT4_ARRAY),
            (&offsets, Type::INT8_ARRAY),
        ];
        tx.execute(self.sql, &params).await?;
        Ok(())
    }
}

/// Returns the world's writer with these plugins, after creating their schemas.
pub(crate) async fn with_plugins(
    world: &World,
    plugins: Vec<Arc<dyn DatabasePlugin>>,
) -> anyhow::Result<Writer> {
    migrate::run(world.writer.store(), &models::builtin(), &plugins).await?;
    Ok(world.writer.clone().with_plugins(plugins))
}

/// Selects events of the log that are not in the ledger exactly once, and entries without an event.
pub(crate) const UNBALANCED: &str = "-- unbalanced
SELECT count(*) FROM (
    SELECT stream, partition, \"offset\" FROM events WHERE outcome = 'event'
    UNION ALL
    SELECT stream, partition, \"offset\" FROM ledger.entries
) AS both_sides
GROUP BY stream, partition, \"offset\" HAVING count(*) <> 2";
