//! `weir dump status`: the state of each day, from the records in the database and the files at the
//! destination.

use std::collections::BTreeSet;

use weir_blob::UtcDay;

use crate::{
    DumpError,
    freshness::{self, DayState, Standing},
    run::Dumper,
};

/// Returns every known day from `from` to `to`, the newest first.
///
/// A day with a dump in the database and without a manifest is missing. A day with a manifest and
/// without a dump in the database counts as stale, because its later changes are unknown.
pub async fn status(dumper: &Dumper, from: UtcDay, to: UtcDay) -> Result<Vec<DayState>, DumpError> {
    let mut there = BTreeSet::new();
    for model in &dumper.names {
        let days = dumper.blobs.dumped_days(model).await?;
        there.extend(days.into_iter().map(|day| (day, model.clone())));
    }
    let connection = dumper.store.connect().await?;
    let mut states = freshness::states(
        connection.client(),
        &dumper.blobs.url().to_string(),
        &dumper.names,
        from,
        to,
    )
    .await?;
    // A dump of a state model at another destination does not mean that a dump is missing here.
    states.retain(|s| s.standing != Standing::Missing || !dumper.is_state(&s.model));
    for state in &mut states {
        let is_there = there.remove(&(state.day, state.model.clone()));
        state.standing = match (state.standing, is_there) {
            (Standing::Dumped | Standing::Stale, false) => Standing::Missing,
            (Standing::Missing, true) => Standing::Stale,
            (standing, _) => standing,
        };
    }
    states.extend(there.into_iter().filter(|(day, _)| (from..=to).contains(day)).map(
        |(day, model)| DayState {
            model,
            day,
            standing: Standing::Stale,
            rows: None,
            bytes: None,
            dumped_at: None,
            verified_at: None,
        },
    ));
    states.sort_by(|a, b| b.day.cmp(&a.day).then_with(|| a.model.cmp(&b.model)));
    Ok(states)
}
