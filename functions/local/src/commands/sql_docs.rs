//! `weir sql-docs`: the reference of the schema api.

use weir_store::sql_docs;

use crate::{Exit, Settings, database::Database, output::say};

pub(super) async fn run(settings: &Settings) -> Result<(), Exit> {
    let database = Database::open_or_join(settings).await?;
    let text = sql_docs::markdown(&database.store).await?;
    say!("{}", text.trim_end());
    database.close().await
}
