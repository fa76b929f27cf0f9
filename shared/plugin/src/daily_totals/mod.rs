//! `daily_totals`: the number of events of each type, by topic and day. This is the worked example
//! of a plugin.
//!
//! The day is the UTC day of the event's own time, or of its arrival if the event has no time.

mod routes;

use std::collections::BTreeMap;

use async_trait::async_trait;
use tokio_postgres::types::{ToSql, Type};
use weir_model::Migration;
use weir_store::{DatabasePlugin, NewEvent, PluginError, Reapply, Tx};

/// The plugin `daily_totals`.
#[derive(Debug, Clone, Copy)]
pub struct DailyTotals;

type TypedParam<'a> = (&'a (dyn ToSql + Sync), Type);

#[async_trait]
impl DatabasePlugin for DailyTotals {
    fn name(&self) -> &'static str {
        "daily_totals"
    }

    fn migrations(&self) -> &'static [Migration] {
        &[Migration { version: 1, name: "totals", sql: include_str!("V1__totals.sql") }]
    }

    async fn apply(&self, tx: &Tx, events: &[NewEvent<'_>]) -> Result<(), PluginError> {
        // The sums are computed here, so that a batch writes each row once. The BTreeMap gives all
        // invocations the same order of row locks.
        let mut totals: BTreeMap<(i32, Option<i32>, &str), i64> = BTreeMap::new();
        for event in events {
            *totals
                .entry((
                    event.stream,
                    event.event_time.map(weir_model::Micros::day),
                    event.event_type.unwrap_or(""),
                ))
                .or_default() += 1;
        }
        let streams: Vec<i32> = totals.keys().map(|k| k.0).collect();
        let days: Vec<Option<i32>> = totals.keys().map(|k| k.1).collect();
        let types: Vec<&str> = totals.keys().map(|k| k.2).collect();
        let counts: Vec<i64> = totals.values().copied().collect();
        let params: [TypedParam<'_>; 4] = [
            (&streams, Type::INT4_ARRAY),
            (&days, Type::INT4_ARRAY),
            (&types, Type::TEXT_ARRAY),
            (&counts, Type::INT8_ARRAY),
        ];
        tx.execute(include_str!("add.sql"), &params).await?;
        Ok(())
    }

    /// Counts the events of the log again and replaces the totals, so no event is counted twice.
    async fn reapply(&self, tx: &Tx, what: Reapply<'_>) -> Result<(), PluginError> {
        let (stream, day, kind) = match what {
            Reapply::Stream(stream) => (stream, None, None),
            Reapply::Event(event) => (
                event.stream,
                event.event_time.map(weir_model::Micros::day),
                Some(event.event_type.unwrap_or("")),
            ),
        };
        let removed = tx
            .query("-- daily_totals.removed\nSELECT month_table FROM public.event_removals WHERE stream = $1 ORDER BY month_table LIMIT 1", &[(&stream, Type::INT4)])
            .await?;
        if let Some(row) = removed.first() {
            return Err(PluginError::Refused(format!(
                "retention has removed {} of this stream from the database, so a new count would \
                    be too low",
                row.try_get::<_, &str>("month_table")?
            )));
        }
        let params: [TypedParam<'_>; 3] =
            [(&stream, Type::INT4), (&day, Type::INT4), (&kind, Type::TEXT)];
        tx.execute(include_str!("forget.sql"), &params).await?;
        tx.execute(include_str!("recount.sql"), &params).await?;
        Ok(())
    }
}
