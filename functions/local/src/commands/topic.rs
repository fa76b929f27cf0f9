//! `weir topic reset NAME`.

use weir_store::reset;

use crate::{
    Exit, Settings,
    confirm::{Confirmation, Plan},
    database::Database,
    output::say,
};

pub(super) async fn reset(settings: &Settings, topic: &str, confirmation: Confirmation) -> Result<(), Exit> {
    let reset = Database::with(settings, async |store| {
        let group = settings.data(store).await?.group_of(topic);
        let Some(current) = reset::current(store, &group, topic).await? else { return Ok((group, None)) };
        plan(&current, &group, topic).confirm(confirmation).await?;
        let stream = reset::begin_epoch(store, &group, topic).await?;
        Ok((group, stream))
    });
    let (group, stream) = reset.await?;
    match stream {
        Some(stream) => say!("{topic} begins anew for group {group}, as stream {stream}: its offsets count from 0 again"),
        None => return Err(Exit::usage(format!("group {group} never stored a record of topic {topic}: there is nothing to reset"))),
    }
    Ok(())
}

fn plan(current: &reset::CurrentStream, group: &str, topic: &str) -> Plan {
    let reset::CurrentStream { stream, epoch, partitions, offsets } = current;
    Plan {
        what: vec![
            format!(
                "topic {topic} of group {group} is stream {stream}, epoch {epoch}: {partitions} partitions with {offsets} offsets settled"
            ),
            "a new epoch begins: offsets count from 0 again, and what Kafka delivers under an old one is new".to_owned(),
        ],
        undo: "an epoch is not taken back. What is stored stays as it is; if the topic was not made anew, what comes again is stored twice"
            .to_owned(),
    }
}
