//! Generates the reference of the schema `api` as Markdown, from the comments in the database.

use std::fmt::Write;

use crate::{Store, StoreError};

/// Returns the reference of the views and functions. Returns an error if the database has no schema
/// `api` yet.
pub async fn markdown(store: &Store) -> Result<String, StoreError> {
    let connection = store.connect().await?;
    let views =
        connection.client().query_typed(include_str!("sql/sql_docs_views.sql"), &[]).await?;
    let functions =
        connection.client().query_typed(include_str!("sql/sql_docs_functions.sql"), &[]).await?;
    if views.is_empty() {
        return Err(StoreError::Schema(
            "the database has no schema api yet: run `weir migrate`".to_owned(),
        ));
    }
    let mut text = String::from(
        "# Weir's SQL interface\n\nThe schema `api`, which the role `weir_reader` may read.\n\n## Views\n",
    );
    let mut last = "";
    // Writing into a string does not fail.
    for row in &views {
        let (view, name, kind): (&str, &str, &str) =
            (row.try_get("view")?, row.try_get("name")?, row.try_get("type")?);
        if view != last {
            let about = comment(row, "view_comment")?;
            let _ = write!(
                text,
                "\n### api.{view}\n\n{about}\n\n| column | type | what |\n| --- | --- | --- |\n"
            );
            last = view;
        }
        let _ = writeln!(text, "| `{name}` | {kind} | {} |", comment(row, "comment")?);
    }
    text.push_str("\n## Functions\n");
    for row in &functions {
        let (name, arguments, result): (&str, &str, &str) =
            (row.try_get("name")?, row.try_get("arguments")?, row.try_get("result")?);
        let _ = write!(
            text,
            "\n### api.{name}\n\n{}\n\n```\napi.{name}({arguments}) → {result}\n```\n",
            comment(row, "comment")?
        );
    }
    Ok(text)
}

/// Returns a comment, escaped for a cell of a table.
fn comment(row: &tokio_postgres::Row, column: &str) -> Result<String, StoreError> {
    Ok(row
        .try_get::<_, Option<&str>>(column)?
        .unwrap_or_default()
        .replace('|', "\\|")
        .replace('\n', " "))
}
