//! The checks of the topics every two seconds.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use tokio::time::sleep;
use weir::poller::PollerConfig;
use weir_testkit::counted_broker;

use crate::stage::{RecordingHandler, Stage, start, until};

/// The time of two checks.
const TWO_CHECKS: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn the_checks_of_the_topics_use_one_connection() {
    let stage = Stage::new(1);
    stage.produce(0, 0, 3).await;
    let (bootstrap, connections) =
        counted_broker(stage.broker.bootstrap().to_owned()).expect("a proxy");
    let handler = RecordingHandler::content();
    let poller = start(&PollerConfig { bootstrap, ..stage.config() }, &handler);
    until(&poller, |s| s.records == 3).await;
    sleep(TWO_CHECKS).await;
    let before = connections.load(SeqCst);
    sleep(TWO_CHECKS).await;
    assert_eq!(connections.load(SeqCst), before);
    poller.stop().await;
}
