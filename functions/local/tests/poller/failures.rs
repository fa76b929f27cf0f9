//! A handler that fails. The poller retries the same batch, commits nothing, and splits the batch
//! in halves if configured.

use std::time::{Duration, Instant};

use serde_json::Value;
use weir::poller::{CLOSE_LIMIT, InvokeError};
use weir_kafka::OutgoingRecord;

use crate::stage::{RecordingHandler, Stage, TOPIC, has_committed, offset, start, until, value};

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_batch_comes_again_the_same_and_is_committed_only_after_success() {
    let stage = Stage::new(1);
    stage.produce(0, 0, 20).await;
    let handler = RecordingHandler::new(|_| Err(InvokeError::new("database away")));
    let poller = stage.poll(&handler);
    let status = until(&poller, |s| s.batches_failed >= 3).await;
    assert_eq!(status.last_error.as_deref(), Some("database away"));
    assert_eq!(stage.committed(0).await, None, "committed a failed batch");
    let events = handler.events();
    assert!(events.iter().all(|event| *event == events[0]));

    handler.answer(|_| Ok(())).await;
    let status = until(&poller, |s| has_committed(s, 20)).await;
    assert_eq!((status.records, status.batches_ok, status.last_error), (20, 1, None));
    assert_eq!(stage.committed(0).await, Some(20));
    poller.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_failing_is_prompt_and_keeps_the_batch_in_kafka() {
    let stage = Stage::new(1);
    stage.produce(0, 0, 20).await;
    let handler = RecordingHandler::new(|_| Err(InvokeError::new("no")));
    let poller = stage.poll(&handler);
    // The next pause is 3.2 s.
    let before = until(&poller, |s| s.batches_failed >= 5).await;
    let started = Instant::now();
    let status = poller.stop().await;
    assert!(started.elapsed() < CLOSE_LIMIT, "{started:?}");
    assert_eq!(status.batches_failed, before.batches_failed, "it waits for one more try");
    assert_eq!(stage.committed(0).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_falls_silent_does_not_hold_up_a_stop() {
    let stage = Stage::slow();
    stage.produce(0, 0, 1).await;
    let handler = RecordingHandler::content();
    handler.set_open(false);
    let poller = stage.poll(&handler);
    until(&poller, |_| !handler.events().is_empty()).await;
    stage.answers_after(Duration::from_hours(1));
    let began = Instant::now();
    let open = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        handler.set_open(true);
    };
    let (status, ()) = tokio::join!(poller.stop(), open);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert_eq!(handler.events().len(), 1);
    assert_eq!(status.batches_failed, 0, "{status:?}");
    // The worker still waits for the answer to its commit.
    stage.answers_after(Duration::ZERO);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_and_a_slow_handler_are_failures() {
    let stage = Stage::new(1);
    stage.produce(0, 0, 1).await;
    let handler = RecordingHandler::new(|_| panic!("as a handler may"));
    let mut config = stage.config();
    config.time_limit = Duration::from_millis(300);
    let poller = start(&config, &handler);
    let status = until(&poller, |s| s.batches_failed >= 1).await;
    assert_eq!(status.last_error.as_deref(), Some("the handler panicked"));
    handler.set_open(false);
    let slow = "the handler did not end within 0.3 s";
    until(&poller, |s| s.last_error.as_deref() == Some(slow)).await;
    handler.answer(|_| Ok(())).await;
    handler.set_open(true);
    until(&poller, |s| s.records == 1).await;
    poller.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn halves_narrow_a_batch_down_to_the_poison() {
    let stage = Stage::new(1);
    stage.produce(0, 0, 16).await;
    let handler = RecordingHandler::new(|records| {
        if records.iter().any(|record| value(record) == b"value 5") {
            return Err(InvokeError::new("poison"));
        }
        Ok(())
    });
    let mut config = stage.config();
    config.bisect = true;
    let poller = start(&config, &handler);
    until(&poller, |s| s.records == 15 && has_committed(s, 5)).await;
    assert_eq!(stage.committed(0).await, Some(5), "past the poison");
    let sizes: Vec<usize> =
        handler.events().iter().map(|event| crate::stage::records(event).len()).collect();
    assert_eq!(sizes[..4], [16, 16, 8, 4], "halves from the second failure");

    handler.answer(|_| Ok(())).await;
    until(&poller, |s| has_committed(s, 16)).await;
    assert_eq!(stage.committed(0).await, Some(16));
    poller.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_in_an_outage_keeps_its_place_and_reads_on_after_it() {
    let stage = Stage::new(1);
    stage.produce(0, 0, 10).await;
    let (handler, poller) = stage.blocked(10).await;
    // Long enough that the next batch is full and the worker pauses.
    stage.produce(0, 10, 90).await;
    tokio::time::sleep(Duration::from_millis(1_800)).await;
    assert_eq!(poller.status().partitions_assigned, 1);
    handler.set_open(true);
    let status = until(&poller, |s| s.records >= 100).await;
    assert_eq!(status.lost, []);
    poller.stop().await;
    let offsets: Vec<i64> = handler.records().iter().map(offset).collect();
    assert_eq!(offsets, (0..100).collect::<Vec<_>>());
}

/// Produces records of the topics `t` and `bad` alternately. Each topic has one partition.
async fn two_topics(stage: &Stage, first: usize, count: usize) {
    let records = (first..first + count).flat_map(|number| {
        ["t", "bad"].map(|topic| OutgoingRecord {
            topic: topic.into(),
            partition: Some(0),
            value: Some(format!("value {number}").into_bytes()),
            ..OutgoingRecord::default()
        })
    });
    stage.producer.publish_all(records).await.expect("published");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_topic_stops_no_other_and_is_named() {
    let stage = Stage::new(1);
    stage.broker.create_topic("bad").expect("a topic");
    two_topics(&stage, 0, 20).await;
    let is_bad = |record: &Value| record["topic"] == "bad";
    let handler = RecordingHandler::new(move |records| {
        if records.iter().any(is_bad) { Err(InvokeError::new("refused")) } else { Ok(()) }
    });
    let mut config = stage.config();
    config.topics = vec![TOPIC.to_owned(), "bad".to_owned()];
    let health = config.health.clone();
    let poller = start(&config, &handler);
    until(&poller, |s| s.records == 20).await;
    // The pause of this topic grows with each failure. The other topic continues.
    two_topics(&stage, 20, 5).await;
    let status = until(&poller, |s| s.records == 25 && s.batches_failed >= 5).await;
    assert_eq!(status.partitions_assigned, 2);
    let reasons = health.list();
    assert_eq!(
        (reasons.len(), reasons[0].kind.name(), reasons[0].topic.as_deref()),
        (1, "batch", Some("bad"))
    );
    assert!(reasons[0].text.contains("refused"), "{reasons:?}");

    handler.answer(|_| Ok(())).await;
    until(&poller, |s| s.records == 50).await;
    assert_eq!(health.list(), []);
    two_topics(&stage, 25, 5).await;
    // The commit follows shortly after the handler's answer.
    let status = until(&poller, |s| s.records == 60 && s.committed.values().eq([&30, &30])).await;
    assert!(status.lost.is_empty(), "{status:?}");
    poller.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_not_blamed_on_a_topic() {
    let stage = Stage::new(1);
    stage.broker.create_topic("bad").expect("a topic");
    two_topics(&stage, 0, 20).await;
    let handler =
        RecordingHandler::new(|_| Err(InvokeError::outage("the database does not answer")));
    let mut config = stage.config();
    config.topics = vec![TOPIC.to_owned(), "bad".to_owned()];
    let health = config.health.clone();
    let poller = start(&config, &handler);
    until(&poller, |s| s.batches_failed >= 4).await;
    assert_eq!(health.list(), []);
    let events = handler.events();
    assert!(events.iter().all(|event| *event == events[0]));
    handler.answer(|_| Ok(())).await;
    until(&poller, |s| s.records == 40).await;
    poller.stop().await;
}
