//! `weir sql-docs`: prints the reference of the schema `api`.

use weir_store::sql_docs;

use crate::{Exit, Settings, database::Database, output::say};

pub(super) async fn run(settings: &Settings) -> Result<(), Exit> {
    let text = Database::with(settings, async |store| Ok(sql_docs::markdown(store).await?)).await?;
    say!("{}", text.trim_end());
    Ok(())
}
