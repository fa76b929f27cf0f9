//! The poller notices and reports records that the broker drops before they are read.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use weir::poller::{InvokeError, PollerConfig, PollerHandle};

use crate::stage::{RecordingHandler, Stage, offset, records, start, until};

/// Twice the size that the embedded broker keeps.
const FLOOD: (usize, usize) = (20, 512 * 1024);

#[tokio::test(flavor = "multi_thread")]
async fn records_dropped_behind_a_blocked_handler_are_named() {
    let stage = Stage::new(2);
    stage.produce(1, 0, 5).await;
    let (handler, poller) = stage.blocked(5).await;
    // The next batch fills up, the worker pauses, and then the broker drops records.
    stage.produce(1, 5, 6).await;
    tokio::time::sleep(Duration::from_millis(1_800)).await;
    stage.flood(1, FLOOD.0, FLOOD.1).await;
    handler.set_open(true);
    let status = until(&poller, |s| !s.lost.is_empty() && s.records >= 15).await;
    poller.stop().await;
    let lost = &status.lost[0];
    assert_eq!((lost.topic.as_str(), lost.partition), ("t", 1));
    let offsets: Vec<i64> = handler.records().iter().map(offset).collect();
    let gap = offsets.windows(2).find(|pair| pair[1] != pair[0] + 1).expect("a gap");
    assert_eq!((lost.first, lost.end), (gap[0] + 1, gap[1]));
    assert!(lost.first >= 10 && status.losses == 1);
}

/// No batch contains offsets of both sides of a loss. Ingest treats a hole inside a batch as one of
/// compaction, so it could not report the missing records.
#[tokio::test(flavor = "multi_thread")]
async fn no_batch_spans_a_loss() {
    let stage = Stage::new(1);
    let (handler, poller) = flooded(&stage, &stage.config()).await;
    // While the handler works on the second batch, the third one is filled from both sides of the
    // loss.
    handler.answer(slow_on_the_second(Duration::from_secs(3))).await;
    handler.set_open(true);
    until(&poller, |s| !s.lost.is_empty() && s.records >= 8).await;
    poller.stop().await;
    no_event_spans_the_loss(&handler);
}

/// The same, while the broker's answer takes longer than the timeout of a request.
#[tokio::test(flavor = "multi_thread")]
async fn no_batch_spans_a_loss_that_the_broker_does_not_tell_yet() {
    let stage = Stage::slow();
    let mut config = stage.config();
    config.properties.insert("session.timeout.ms".into(), "30000".into());
    let (handler, poller) = flooded(&stage, &config).await;
    stage.answers_after(Duration::from_millis(2_500));
    until(&poller, |s| s.connected == Some(false)).await;
    // Long enough for the requests of a lost offset, of the first available offset, and of its
    // record.
    handler.answer(slow_on_the_second(Duration::from_secs(12))).await;
    handler.set_open(true);
    let status = until(&poller, |s| s.records >= 4).await;
    assert_eq!(status.lost, [], "it was told");
    stage.answers_after(Duration::ZERO);
    until(&poller, |s| !s.lost.is_empty() && s.records >= 8).await;
    poller.stop().await;
    no_event_spans_the_loss(&handler);
}

/// Prepares a loss: the first batch waits in the handler, the second one is full, the worker has
/// paused, and the broker has dropped the following records.
async fn flooded<B>(
    stage: &Stage<B>,
    config: &PollerConfig,
) -> (Arc<RecordingHandler>, PollerHandle) {
    let handler = RecordingHandler::content();
    handler.set_open(false);
    // Two of the flood's records fit into an event. A third one is read and waits for the next
    // event.
    let config = PollerConfig { event_bytes_max: 2 * 1024 * 1024, ..config.clone() };
    let poller = start(&config, &handler);
    stage.flood(0, 1, FLOOD.1).await;
    until(&poller, |_| !handler.events().is_empty()).await;
    stage.flood(0, 3, FLOOD.1).await;
    tokio::time::sleep(Duration::from_millis(1_800)).await;
    stage.flood(0, FLOOD.0, FLOOD.1).await;
    (handler, poller)
}

fn slow_on_the_second(time: Duration) -> impl Fn(&[Value]) -> Result<(), InvokeError> {
    move |event| {
        if event.len() == 2 && offset(&event[0]) == 1 {
            std::thread::sleep(time);
        }
        Ok(())
    }
}

fn no_event_spans_the_loss(handler: &RecordingHandler) {
    let events: Vec<Vec<i64>> =
        handler.events().iter().map(|event| records(event).iter().map(offset).collect()).collect();
    assert!(
        events.iter().flatten().collect::<Vec<_>>().windows(2).any(|pair| *pair[1] > pair[0] + 1),
        "nothing was lost: {events:?}"
    );
    for offsets in &events {
        assert!(
            offsets.windows(2).all(|pair| pair[1] == pair[0] + 1),
            "a batch spans the loss: {events:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_dropped_while_no_poller_ran_are_named() {
    let stage = Stage::new(1);
    stage.produce(0, 0, 5).await;
    let handler = RecordingHandler::content();
    let poller = stage.poll(&handler);
    until(&poller, |s| s.records == 5).await;
    poller.stop().await;

    stage.flood(0, FLOOD.0, FLOOD.1).await;
    let handler = RecordingHandler::on_the_database_of(&handler);
    let poller = stage.poll(&handler);
    let status = until(&poller, |s| s.records >= 5).await;
    poller.stop().await;
    let first = offset(&handler.records()[0]);
    assert!(first > 5);
    assert_eq!(status.lost.len(), 1);
    assert_eq!((status.lost[0].first, status.lost[0].end), (5, first));
    assert_eq!(status.lost[0].to_string(), format!("t-0 offsets 5..{first}"));
}
