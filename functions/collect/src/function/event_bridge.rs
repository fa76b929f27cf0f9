//! Sends an event of `EventBridge` to the topic of its source.
//! Source: <https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html>.

use anyhow::{Context, bail};
use serde::Deserialize;
use weir_collect::{Sources, intake::Ended, sources::forward};

#[derive(Deserialize)]
struct Event {
    source: String,
    #[serde(rename = "detail-type")]
    detail_type: String,
}

/// Sends the whole event as the value. A value that the model rejects is still sent, and ingest
/// stores it as a failure.
pub(super) async fn handle(sources: &Sources, text: &str) -> anyhow::Result<()> {
    let event: Event = serde_json::from_str(text)
        .context("the event of EventBridge has no source or no detail-type")?;
    let Some(source) = sources.event_bridge(&event.source, &event.detail_type) else {
        bail!(
            "no source of the configuration has eventbridge = {{ source = {:?}, detail-type = {:?} \
                }}: add one, or remove the rule of the bus",
            event.source,
            event.detail_type
        );
    };
    let report = forward(source, text).await;
    match report.ended {
        Ended::Whole if report.invalid_count == 0 => Ok(()),
        Ended::Whole => bail!("{}", report.reasons().collect::<Vec<_>>().join("; ")),
        ended => bail!("{ended}"),
    }
}
