//! Kills the function with SIGKILL at each step of the transaction and redelivers the batch. Every
//! record must be stored once.

use serde_json::json;
use weir_testkit::{Action, KafkaEvent, Record, Step};

use crate::child::IngestHarness;

/// Number of kills.
const KILLS: usize = 240;
/// Records of each partition in a batch.
const COUNT: i64 = 5;

/// Returns batch `number`. Partition 0 continues in order. In partition 1 the later half of two
/// batches comes first, so that every batch opens a gap or closes one.
fn event(number: i64) -> Vec<u8> {
    let record = |partition: i32, offset: i64| {
        let at = weir_model::Micros(1_700_000_000_000_000 + offset * 1_000_000).rfc3339_millis();
        let value = json!({"sensor": format!("s{partition}"), "value": offset, "timestamp": at});
        Record {
            topic: "readings".into(),
            partition,
            offset,
            value: value.to_string().into(),
            ..Record::default()
        }
    };
    let half = number + 1 - 2 * (number % 2);
    let of = |partition, part: i64| {
        (part * COUNT..(part + 1) * COUNT).map(move |offset| record(partition, offset))
    };
    KafkaEvent::new(of(0, number).chain(of(1, half)).collect::<Vec<_>>()).to_bytes()
}

#[tokio::test]
async fn killed_at_each_step_and_redelivered_every_record_is_there_once() -> anyhow::Result<()> {
    let harness = IngestHarness::new().await?;
    let mut child = harness.start()?;
    // The first batches prepare the statements. The next batches show how many messages a batch
    // sends.
    let mut messages = [0; 2];
    for number in 0..4 {
        harness.proxy.forward_all();
        harness.deliver(event(number)).await?;
        messages[usize::from(number % 2 == 1)] = harness.proxy.frontend_messages();
    }
    assert!(
        messages.iter().all(|messages| *messages >= 15),
        "a transaction has more steps than {messages:?}"
    );

    let mut before_commit = 0;
    for kill in 0..KILLS {
        let event = event(4 + i64::try_from(kill)?);
        // Every tenth kill comes when COMMIT is done and its answer is on the way.
        let after_commit = kill % 10 == 9;
        let (step, action) = if after_commit {
            (Step::Execute("COMMIT".into()), Action::SwallowAnswer)
        } else {
            before_commit += 1;
            (Step::Message(1 + before_commit % messages[kill % 2]), Action::Hold)
        };
        harness.proxy.cut_at(step, action);
        tokio::select! {
            () = harness.proxy.reached() => {}
            answer = harness.invoke(event.clone()) => panic!("kill {kill} came too late: {answer:?}"),
        }
        child.kill().await?;
        harness.runtime.reset();
        if before_commit % 3 == 0 {
            // Data that is already on the way still arrives, perhaps with the COMMIT.
            harness.proxy.release();
        } else {
            harness.proxy.cut();
        }
        harness.proxy.forward_all();
        child = harness.start()?;
        harness.deliver(event).await?;
    }
    println!(
        "{KILLS} kills, {before_commit} of them before COMMIT was done, at {messages:?} messages"
    );
    let partition = (4 + i64::try_from(KILLS)?) * COUNT;
    for (what, expected, sql) in [
        ("rows in the log", 2 * partition, "SELECT count(*) FROM events"),
        (
            "places in the log",
            2 * partition,
            "SELECT count(DISTINCT (partition, \"offset\")) FROM events",
        ),
        ("readings", 2 * partition, "SELECT count(*) FROM readings"),
        (
            "next offset of partition 0",
            partition,
            "SELECT next_offset FROM stream_partitions WHERE partition = 0",
        ),
        (
            "next offset of partition 1",
            partition,
            "SELECT next_offset FROM stream_partitions WHERE partition = 1",
        ),
        ("failures", 0, "SELECT count(*) FROM failures"),
        ("gaps", 0, "SELECT count(*) FROM stream_gaps"),
    ] {
        assert_eq!(harness.count(sql).await?, expected, "{what}");
    }
    Ok(())
}
