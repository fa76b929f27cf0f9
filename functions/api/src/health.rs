//! The checks of `GET /healthz`.

use std::time::Duration;

use async_trait::async_trait;
use tokio_postgres::{Row, error::SqlState, types::Type};
use weir_http::{ReadConnection, ReadError};
use weir_store::{HealthKind, HealthReason, StoreError, gaps, identity::Contradiction};

/// Maximum duration of the checks. Programs that poll `GET /healthz` do not wait much longer.
const CHECKS_MAX: Duration = Duration::from_secs(5);

/// Maximum number of gaps in the answer.
const GAPS_MAX: i64 = 10;

/// The result of the checks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Condition {
    /// The reasons why no record can be stored. Empty when records can be stored.
    pub faults: Vec<HealthReason>,
    /// Problems that do not prevent the storing of records.
    pub reasons: Vec<HealthReason>,
}

/// Checks the program's condition. The program that serves the API provides the checks.
#[async_trait]
pub trait Health: Send + Sync + 'static {
    /// Runs the checks.
    async fn condition(&self) -> Condition;
}

/// Runs the checks for at most five seconds. Checks that take longer are a fault of the kind
/// `health`.
pub async fn condition_in_time(health: &dyn Health) -> Condition {
    condition_within(health, CHECKS_MAX).await
}

pub(crate) async fn condition_within(health: &dyn Health, limit: Duration) -> Condition {
    let slow = || Condition {
        faults: vec![fault_of(HealthKind::Health, "the checks did not end in time")],
        ..Condition::default()
    };
    tokio::time::timeout(limit, health.condition()).await.unwrap_or_else(|_| slow())
}

/// The checks of a function that uses only the database.
pub struct DatabaseHealth(pub ReadConnection);

impl DatabaseHealth {
    /// Returns the gaps that are not yet read or explained.
    async fn gaps(&self) -> Vec<HealthReason> {
        match self.0.rows(gaps::OPEN, &[(&GAPS_MAX, Type::INT8)]).await {
            Ok(rows) => rows
                .iter()
                .filter_map(|row| gaps::of_row(row).ok())
                .map(HealthReason::from)
                .collect(),
            Err(_) => {
                vec![fault_of(
                    HealthKind::Database,
                    "the database does not answer the query for missing records",
                )]
            }
        }
    }
}

#[async_trait]
impl Health for DatabaseHealth {
    async fn condition(&self) -> Condition {
        let fault = match self.0.is_writable().await {
            Ok(true) => None,
            Ok(false) => Some(
                "the database is read-only: no record can be stored until it accepts writes again",
            ),
            Err(_) => Some("the database does not answer"),
        };
        let faults: Vec<_> =
            fault.map(|text| fault_of(HealthKind::Database, text)).into_iter().collect();
        if !faults.is_empty() {
            return Condition { faults, ..Condition::default() };
        }
        let mut reasons = contradictions(&self.0).await;
        reasons.extend(self.gaps().await);
        Condition { faults, reasons }
    }
}

/// Returns the contradictions that ingest found, until the reset.
async fn contradictions(reader: &ReadConnection) -> Vec<HealthReason> {
    let reason = |row: &Row| {
        let found = Contradiction {
            topic: row.try_get("topic").ok()?,
            partition: row.try_get("partition").ok()?,
            first: row.try_get("first_offset").ok()?,
            end: row.try_get("end_offset").ok()?,
            what: row.try_get("what").ok()?,
        };
        let text = found.line();
        Some(HealthReason {
            kind: HealthKind::Contradiction,
            topic: Some(found.topic),
            partition: Some(found.partition),
            text,
        })
    };
    match reader.rows(include_str!("contradictions.sql"), &[]).await {
        Ok(rows) => rows.iter().filter_map(reason).collect(),
        // A schema of an older version does not have this table.
        Err(ReadError::Store(StoreError::Database(error)))
            if error.code() == Some(&SqlState::UNDEFINED_TABLE) =>
        {
            Vec::new()
        }
        Err(_) => vec![fault_of(
            HealthKind::Database,
            "the database did not answer whether a contradiction is stored",
        )],
    }
}

/// Returns a reason why no record can be stored.
pub fn fault_of(kind: HealthKind, text: &str) -> HealthReason {
    HealthReason { kind, topic: None, partition: None, text: text.to_owned() }
}
