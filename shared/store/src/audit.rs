//! The table `audit`: who ran which command, when, and how it ended.
//!
//! The row is written before the command begins, and completed at its end. So a command that was
//! killed has a row too.

use tokio_postgres::{error::SqlState, types::Type};
use uuid::Uuid;

use crate::{Store, StoreError, tx::TypedParam};

/// Where a command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// In the function `admin`.
    Admin,
    /// In the program `weir` on a machine.
    Weir,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The exit status is 0.
    Done,
    /// Any other exit status.
    Failed,
    /// Nothing was changed, because the command needs a confirmation.
    Asked,
    /// The command was stopped, because its time was over.
    Stopped,
}

/// A command that begins.
#[derive(Debug, Clone)]
pub struct Use {
    /// The id. A second use with the same id is refused.
    pub id: Uuid,
    /// Where the command runs.
    pub source: Source,
    /// The person or program that runs the command.
    pub actor: String,
    /// Whether AWS confirmed the actor.
    pub is_proved: bool,
    /// The command line without secrets.
    pub action: String,
    /// The id of Lambda's request.
    pub request_id: Option<String>,
}

/// The state of a use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UseState {
    /// The progress, for people.
    pub progress: Option<String>,
    /// Whether the command has ended.
    pub is_over: bool,
}

impl Source {
    fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Weir => "weir",
        }
    }
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Asked => "asked",
            Self::Stopped => "stopped",
        }
    }
}

/// Writes the row of a use. Returns `false` if there is one with this id.
pub async fn begin(store: &Store, begun: &Use) -> Result<bool, StoreError> {
    let Use { id, source, actor, is_proved, action, request_id } = begun;
    let params: [TypedParam<'_>; 6] = [
        (id, Type::UUID),
        (&source.as_str(), Type::TEXT),
        (actor, Type::TEXT),
        (&if *is_proved { "sts" } else { "none" }, Type::TEXT),
        (action, Type::TEXT),
        (request_id, Type::TEXT),
    ];
    execute(store, include_str!("sql/begin_audit.sql"), &params).await
}

/// Begins the next part of a use that has `parts` parts. Returns `false` if that part was begun
/// before, if the use has ended, or if it is another command or of another proved actor.
pub async fn resume(
    store: &Store,
    id: Uuid,
    parts: i32,
    action: &str,
    proved_actor: Option<&str>,
    request_id: &str,
) -> Result<bool, StoreError> {
    let params: [TypedParam<'_>; 5] = [
        (&id, Type::UUID),
        (&parts, Type::INT4),
        (&request_id, Type::TEXT),
        (&action, Type::TEXT),
        (&proved_actor, Type::TEXT),
    ];
    execute(store, include_str!("sql/continue_audit.sql"), &params).await
}

/// Notes the progress of a use.
pub async fn note_progress(store: &Store, id: Uuid, progress: &str) -> Result<(), StoreError> {
    let params: [TypedParam<'_>; 2] = [(&id, Type::UUID), (&progress, Type::TEXT)];
    execute(store, include_str!("sql/progress_audit.sql"), &params).await.map(drop)
}

/// Completes the row of a use.
pub async fn end(
    store: &Store,
    id: Uuid,
    outcome: Outcome,
    exit_status: Option<i16>,
) -> Result<(), StoreError> {
    let params: [TypedParam<'_>; 3] =
        [(&id, Type::UUID), (&outcome.as_str(), Type::TEXT), (&exit_status, Type::INT2)];
    execute(store, include_str!("sql/end_audit.sql"), &params).await.map(drop)
}

/// Returns the state of a use; `None` if there is none with this id.
pub async fn state(store: &Store, id: Uuid) -> Result<Option<UseState>, StoreError> {
    let params: [TypedParam<'_>; 1] = [(&id, Type::UUID)];
    let params = &params;
    let rows = store
        .transaction("read_audit", |tx| async move {
            tx.query(include_str!("sql/read_audit.sql"), params).await.map_err(unmigrated)
        })
        .await?;
    let state = rows.first().map(|row| {
        let outcome: Option<&str> = row.try_get("outcome")?;
        Ok::<_, StoreError>(UseState {
            progress: row.try_get("progress")?,
            is_over: outcome.is_some(),
        })
    });
    state.transpose()
}

/// Returns whether a row was written.
async fn execute(
    store: &Store,
    sql: &'static str,
    params: &[TypedParam<'_>],
) -> Result<bool, StoreError> {
    let written = store
        .transaction("audit", |tx| async move { tx.execute(sql, params).await.map_err(unmigrated) })
        .await?;
    Ok(written > 0)
}

/// Names the remedy for an older schema, which has no audit table.
fn unmigrated(error: tokio_postgres::Error) -> StoreError {
    match error.code() {
        Some(&SqlState::UNDEFINED_TABLE) => {
            StoreError::Schema("the database lacks the table audit: run `weir migrate`".to_owned())
        }
        _ => error.into(),
    }
}
