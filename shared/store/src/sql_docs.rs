//! The reference of the schema `api`, as Markdown, from the comments in the database.

use std::fmt::Write;

use crate::{Store, StoreError};

/// What the database says of its views and functions. Refused where it has none yet.
pub async fn markdown(store: &Store) -> Result<String, StoreError> {
    let connection = store.connect().await?;
    let views = connection.client().query_typed(include_str!("sql/sql_docs_views.sql"), &[]).await?;
    let functions = connection.client().query_typed(include_str!("sql/sql_docs_functions.sql"), &[]).await?;
    if views.is_empty() {
        return Err(StoreError::Schema("the database has no schema api yet: run `weir migrate`".to_owned()));
    }
    let mut text = String::from("# Weir's SQL interface\n\nThe schema `api`, which the role `weir_reader` may read.\n\n## Views\n");
    let mut last = String::new();
    // Writing into a string does not fail.
    for row in &views {
        let name: String = row.try_get(0)?;
        if name != last {
            let _ = write!(text, "\n### api.{name}\n\n{}\n\n| column | type | what |\n| --- | --- | --- |\n", comment(row, 1)?);
            last = name;
        }
        let _ = writeln!(text, "| `{}` | {} | {} |", row.try_get::<_, &str>(2)?, row.try_get::<_, &str>(3)?, comment(row, 4)?);
    }
    text.push_str("\n## Functions\n");
    for row in &functions {
        let (name, arguments, result): (&str, &str, &str) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let _ = write!(text, "\n### api.{name}\n\n{}\n\n```\napi.{name}({arguments}) → {result}\n```\n", comment(row, 3)?);
    }
    Ok(text)
}

/// A comment, fit for a cell of a table.
fn comment(row: &tokio_postgres::Row, at: usize) -> Result<String, StoreError> {
    Ok(row.try_get::<_, Option<&str>>(at)?.unwrap_or_default().replace('|', "\\|").replace('\n', " "))
}
