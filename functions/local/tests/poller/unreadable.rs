//! A partition that cannot be read is reported, and the other partitions are still read.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::stage::{RecordingHandler, Stage, TOPIC, start, until};

/// Produces a batch of one record that is marked as zstd but is not.
/// Source: Produce, version 3, and the record batch of <https://kafka.apache.org/protocol>.
async fn produce_junk(stage: &Stage, partition: i32) {
    let junk = [0xff_u8; 40];
    let mut batch = Vec::new();
    batch.extend((-1_i32).to_be_bytes()); // leader epoch
    batch.extend([2, 0, 0, 0, 0]); // version 2; a checksum that is not checked
    batch.extend(4_i16.to_be_bytes()); // zstd
    batch.extend(0_i32.to_be_bytes()); // the last offset, from the first
    batch.extend([1_i64.to_be_bytes(), 1_i64.to_be_bytes(), (-1_i64).to_be_bytes()].concat()); // times, producer
    batch.extend(
        [&(-1_i16).to_be_bytes()[..], &(-1_i32).to_be_bytes(), &1_i32.to_be_bytes(), &junk]
            .concat(),
    );
    let length = |bytes: &[u8]| i32::try_from(bytes.len()).expect("short").to_be_bytes();
    let records = [&0_i64.to_be_bytes()[..], &length(&batch), &batch].concat();
    let topic = [&1_i16.to_be_bytes()[..], TOPIC.as_bytes()].concat();
    let body = [
        &[0, 0, 0, 3, 0, 0, 0, 9, 0xff, 0xff][..], // Produce, version 3, number 9, no client
        &[0xff, 0xff, 0, 1, 0, 0, 0x27, 0x10, 0, 0, 0, 1], // no transaction, the leader alone, 10 s, one topic
        &topic,
        &[0, 0, 0, 1],
        &partition.to_be_bytes(),
        &length(&records),
        &records,
    ]
    .concat();
    let mut broker = TcpStream::connect(stage.broker.bootstrap()).await.expect("connects");
    broker.write_all(&[&length(&body)[..], &body].concat()).await.expect("sent");
    let answer = usize::try_from(broker.read_u32().await.expect("an answer")).expect("short");
    broker.read_exact(&mut vec![0; answer]).await.expect("an answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_partition_is_named_with_its_offset() {
    let stage = Stage::new(2);
    stage.produce(0, 0, 3).await;
    produce_junk(&stage, 0).await;
    stage.produce(1, 0, 5).await;
    let handler = RecordingHandler::content();
    let config = stage.config();
    let health = config.health.clone();
    let poller = start(&config, &handler);
    until(&poller, |s| s.records == 8).await;
    let begun = Instant::now();
    let reasons = loop {
        let reasons = health.list();
        if !reasons.is_empty() {
            break reasons;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "it is not named");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(
        (reasons.len(), reasons[0].kind.name(), reasons[0].topic.as_deref(), reasons[0].partition),
        (1, "partition", Some(TOPIC), Some(0))
    );
    assert!(reasons[0].text.contains("offset 3"), "{reasons:?}");
    stage.produce(1, 5, 5).await;
    until(&poller, |s| s.records == 13).await;
    poller.stop().await;
}
