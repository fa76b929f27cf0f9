//! `weir topic reset NAME`.

use weir_store::{group_of, reset};

use crate::{Exit, Settings, database::Database, output::say};

pub(super) async fn reset(settings: &Settings, topic: &str) -> Result<(), Exit> {
    let group = &group_of(&settings.ingest.group_id, topic);
    match Database::with(settings, async |store| Ok(reset::begin_epoch(store, group, topic).await?)).await? {
        Some(stream) => say!("{topic} begins anew for group {group}, as stream {stream}: its offsets count from 0 again"),
        None => return Err(Exit::usage(format!("group {group} never stored a record of topic {topic}: there is nothing to reset"))),
    }
    Ok(())
}
