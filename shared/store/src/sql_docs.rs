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
        let name: String = row.try_get("view")?;
        if name != last {
            let _ =
                write!(text, "\n### api.{name}\n\n{}\n\n| column | type | what |\n| --- | --- | --- |\n", comment(row, "view_comment")?);
            last = name;
        }
        let _ = writeln!(
            text,
            "| `{}` | {} | {} |",
            row.try_get::<_, &str>("name")?,
            row.try_get::<_, &str>("type")?,
            comment(row, "comment")?
        );
    }
    text.push_str("\n## Functions\n");
    for row in &functions {
        let (name, arguments, result): (&str, &str, &str) = (row.try_get("name")?, row.try_get("arguments")?, row.try_get("result")?);
        let _ = write!(text, "\n### api.{name}\n\n{}\n\n```\napi.{name}({arguments}) → {result}\n```\n", comment(row, "comment")?);
    }
    Ok(text)
}

/// A comment, fit for a cell of a table.
fn comment(row: &tokio_postgres::Row, column: &str) -> Result<String, StoreError> {
    Ok(row.try_get::<_, Option<&str>>(column)?.unwrap_or_default().replace('|', "\\|").replace('\n', " "))
}
