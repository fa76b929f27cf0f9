//! The limits of one event.

use crate::stage::{RecordingHandler, Stage, records, start, until};

#[tokio::test(flavor = "multi_thread")]
async fn events_keep_within_their_limits() {
    let stage = Stage::new(2);
    stage.produce(0, 0, 250).await;
    stage.flood(1, 10, 3_000).await;
    stage.flood(1, 1, 30_000).await;
    let handler = RecordingHandler::content();
    let mut config = stage.config();
    config.records_max = 100;
    config.event_bytes_max = 16_000;
    let poller = start(&config, &handler);
    until(&poller, |s| s.records == 261).await;
    poller.stop().await;
    for event in handler.events() {
        let count = records(&event).len();
        assert!(count <= 100);
        assert!(event.len() <= 16_000 || count == 1, "{}", event.len());
    }
    assert!(handler.events().iter().any(|event| event.len() > 40_000));
}
