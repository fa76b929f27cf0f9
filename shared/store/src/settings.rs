//! The settings of the data, as rows. Each change is a new version, and the highest version is in
//! force. Other crates interpret the values.

use serde_json::Value;
use tokio_postgres::{Row, error::SqlState, types::Type};

use crate::{Store, StoreError, tx::TypedParam};

/// Selects the settings in force; [`of_rows`] converts its rows.
pub const READ: &str = include_str!("sql/read_settings.sql");

/// A setting in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The kind of the setting: `topic`, `group`, `plugins`, `retention`.
    pub kind: String,
    /// The name, for example of a topic; empty for a kind with only one setting.
    pub name: String,
    /// The number of times that it was set.
    pub version: i32,
    /// The value.
    pub value: Value,
    /// The origin of the change.
    pub set_by: String,
}

/// A setting that gets a new version.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The kind of the setting.
    pub kind: String,
    /// The name of the setting.
    pub name: String,
    /// The new value; `None` removes the setting.
    pub value: Option<Value>,
}

/// Returns every setting in force. Makes one round trip on a pooled connection.
pub async fn read(store: &Store) -> Result<Vec<Setting>, StoreError> {
    let connection = store.acquire().await?;
    let rows = connection.client().query_typed(READ, &[]).await.map_err(unmigrated)?;
    connection.give_back();
    of_rows(&rows)
}

/// Converts the rows of [`READ`], for callers with a separate connection.
pub fn of_rows(rows: &[Row]) -> Result<Vec<Setting>, StoreError> {
    rows.iter().map(setting).collect()
}

/// Returns the number of changes so far.
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

/// Applies the changes that `decide` returns for the settings in force. A lock excludes other
/// changes in the meantime.
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
        StoreError::Internal(format!("cannot read the setting {kind} {name} of the database: {e}"))
    })?;
    Ok(Setting {
        kind,
        name,
        version: row.try_get("version")?,
        value,
        set_by: row.try_get("set_by")?,
    })
}

/// Names the remedy for an older schema, which has no settings.
fn unmigrated(error: tokio_postgres::Error) -> StoreError {
    match error.code() {
        Some(&SqlState::UNDEFINED_TABLE) => StoreError::Schema(
            "the database lacks the table settings: run `weir migrate`".to_owned(),
        ),
        _ => error.into(),
    }
}
