//! `weir retention --keep 400d`.

use weir_model::Micros;
use weir_store::retention;

use crate::{Exit, Settings, database::Database, output::say, progress};

#[expect(clippy::disallowed_methods, reason = "the clock enters here")]
pub(super) async fn run(settings: &Settings, keep_days: u32) -> Result<(), Exit> {
    let database = Database::open_or_join(settings).await?;
    let before = Micros(jiff::Timestamp::now().as_microsecond() - i64::from(keep_days) * 86_400_000_000);
    let spinner = progress::spinner("looking for old months");
    let dropped = retention::drop_months(&database.store, before, &|month| spinner.set_message(format!("dropping {month}"))).await;
    spinner.finish_and_clear();
    let dropped = dropped?;
    for month in &dropped {
        say!("dropped {}: {} records", month.month_table, month.records);
    }
    if dropped.is_empty() {
        say!("no month is older than {keep_days} days");
    }
    database.close().await
}
