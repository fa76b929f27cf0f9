//! What `GET /healthz` looks at.

use async_trait::async_trait;
use tokio_postgres::{Row, types::Type};
use weir_http::ReadConnection;
use weir_store::{HealthReason, gaps, identity::Contradiction};

/// Gaps that are named.
const GAPS_MAX: i64 = 10;

/// How things are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Condition {
    /// Why nothing can be stored; none when something can.
    pub faults: Vec<HealthReason>,
    /// What is not as it should be, although records are stored.
    pub reasons: Vec<HealthReason>,
}

/// Says how things are. The program that serves the API knows what there is to look at.
#[async_trait]
pub trait Health: Send + Sync + 'static {
    /// Looks now.
    async fn condition(&self) -> Condition;
}

/// For a place that has the database alone.
pub struct DatabaseHealth(pub ReadConnection);

impl DatabaseHealth {
    /// What was passed over, and not read or explained since.
    async fn gaps(&self) -> Vec<HealthReason> {
        match self.0.rows(gaps::OPEN, &[(&GAPS_MAX, Type::INT8)]).await {
            Ok(rows) => rows
                .iter()
                .filter_map(|row| gaps::of_row(row).ok())
                .map(HealthReason::from)
                .collect(),
            Err(_) => {
                vec![fault_of("database", "the database does not say whether records are missing")]
            }
        }
    }
}

#[async_trait]
impl Health for DatabaseHealth {
    async fn condition(&self) -> Condition {
        let fault = match self.0.is_writable().await {
            Ok(true) => None,
            Ok(false) => {
                Some("the database is read-only: nothing can be stored until it takes writes again")
            }
            Err(_) => Some("the database is away"),
        };
        let faults: Vec<_> = fault.map(|text| fault_of("database", text)).into_iter().collect();
        if !faults.is_empty() {
            return Condition { faults, ..Condition::default() };
        }
        let mut reasons = contradictions(&self.0).await;
        reasons.extend(self.gaps().await);
        Condition { faults, reasons }
    }
}

/// What ingest found to be stored otherwise than the broker has it, until the reset.
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
            kind: "contradiction",
            topic: Some(found.topic),
            partition: Some(found.partition),
            text,
        })
    };
    // A schema from before it was kept has none.
    let rows = reader.rows(include_str!("contradictions.sql"), &[]).await.unwrap_or_default();
    rows.iter().filter_map(reason).collect()
}

/// A part without which nothing can be stored, and what is wrong with it.
pub fn fault_of(part: &'static str, text: &str) -> HealthReason {
    HealthReason { kind: part, topic: None, partition: None, text: text.to_owned() }
}
