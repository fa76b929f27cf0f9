//! The settings of the data, as rows: each change is a new version, and the highest is in force.
//! What they mean is for others.

use serde_json::Value;
use tokio_postgres::{Row, error::SqlState, types::Type};

use crate::{Store, StoreError, tx::TypedParam};

/// Reads what is in force; [`of_rows`] takes its rows.
pub const READ: &str = include_str!("sql/read_settings.sql");

/// A setting in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// What is set: `topic`, `group`, `plugins`, `retention`.
    pub kind: String,
    /// Of which; empty where there is only one.
    pub name: String,
    /// How often it was set.
    pub version: i32,
    /// To what.
    pub value: Value,
    /// How it came.
    pub set_by: String,
}

/// A setting that gets a new version.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What is set.
    pub kind: String,
    /// Of which.
    pub name: String,
    /// To what; none takes it away.
    pub value: Option<Value>,
}

/// Every setting that is in force: one round trip, on a connection that is kept.
pub async fn read(store: &Store) -> Result<Vec<Setting>, StoreError> {
    let connection = store.acquire().await?;
    let rows = connection.client().query_typed(READ, &[]).await.map_err(unmigrated)?;
    connection.give_back();
    of_rows(&rows)
}

/// What the rows of [`READ`] say, for who has a connection of their own.
pub fn of_rows(rows: &[Row]) -> Result<Vec<Setting>, StoreError> {
    rows.iter().map(setting).collect()
}

/// How often anything was changed.
pub async fn count_changes(store: &Store) -> Result<i64, StoreError> {
    let connection = store.acquire().await?;
    let row = connection
        .client()
        .query_one("-- count_changes\nSELECT count(*) AS changes FROM settings", &[])
        .await
        .map_err(unmigrated)?;
    connection.give_back();
    Ok(row.try_get("changes")?)
}

/// Changes what `decide` says after it has seen what is in force; nobody else changes settings
/// meanwhile.
pub async fn change(
    store: &Store,
    set_by: &str,
    decide: impl Fn(&[Setting]) -> Result<Vec<Change>, StoreError>,
) -> Result<Vec<Change>, StoreError> {
    let decide = &decide;
    store
        .transaction("change_settings", |tx| async move {
            tx.batch("-- lock_settings\nLOCK TABLE settings IN SHARE ROW EXCLUSIVE MODE")
                .await
                .map_err(unmigrated)?;
            let rows = tx.query(READ, &[]).await?;
            let changes = decide(&of_rows(&rows)?)?;
            for change in &changes {
                let value = change.value.as_ref().map(Value::to_string);
                let params: [TypedParam<'_>; 4] = [
                    (&change.kind, Type::TEXT),
                    (&change.name, Type::TEXT),
                    (&value, Type::TEXT),
                    (&set_by, Type::TEXT),
                ];
                tx.execute(include_str!("sql/insert_setting.sql"), &params).await?;
            }
            Ok(changes)
        })
        .await
}

fn setting(row: &Row) -> Result<Setting, StoreError> {
    let (kind, name): (String, String) = (row.try_get("kind")?, row.try_get("name")?);
    let value = serde_json::from_str(row.try_get("value")?).map_err(|e| {
        StoreError::Internal(format!(
            "the setting {kind} {name} in the database cannot be read: {e}"
        ))
    })?;
    Ok(Setting {
        kind,
        name,
        version: row.try_get("version")?,
        value,
        set_by: row.try_get("set_by")?,
    })
}

/// An older schema has no settings.
fn unmigrated(error: tokio_postgres::Error) -> StoreError {
    match error.code() {
        Some(&SqlState::UNDEFINED_TABLE) => StoreError::Schema(
            "the database lacks the table settings: run `weir migrate`".to_owned(),
        ),
        _ => error.into(),
    }
}
