//! Killed with SIGKILL at each step of the transaction, then redelivered: every record is there once.

use weir_testkit::{Action, Step};

use crate::child::{World, batch};

/// Kills at least.
const KILLS: usize = 200;
/// Records in a batch.
const COUNT: i64 = 5;

#[tokio::test]
async fn killed_at_each_step_and_redelivered_every_record_is_there_once() -> anyhow::Result<()> {
    let world = World::new().await?;
    let mut child = world.start()?;
    // Statements are prepared with the first batch; the second one shows how many messages a batch sends.
    world.deliver(batch(0, COUNT)).await?;
    world.proxy.forward_all();
    world.deliver(batch(COUNT, COUNT)).await?;
    let messages = world.proxy.frontend_messages();
    assert!(messages >= 10, "a transaction has more steps than {messages}");

    let mut before_commit = 0;
    for kill in 0..KILLS {
        let event = batch((2 + i64::try_from(kill)?) * COUNT, COUNT);
        // Every tenth kill comes when COMMIT was done and its answer is on the way.
        let (step, action) = if kill % 10 == 9 {
            (Step::Execute("COMMIT".into()), Action::SwallowAnswer)
        } else {
            before_commit += 1;
            (Step::Message(1 + before_commit % messages), Action::Hold)
        };
        world.proxy.cut_at(step, action);
        tokio::select! {
            () = world.proxy.reached() => {}
            answer = world.invoke(event.clone()) => panic!("kill {kill} came too late: {answer:?}"),
        }
        child.kill().await?;
        world.runtime.reset();
        world.proxy.cut();
        world.proxy.forward_all();
        child = world.start()?;
        world.deliver(event).await?;
    }
    let expected = (2 + i64::try_from(KILLS)?) * COUNT;
    for (what, sql) in [
        ("rows in the log", "SELECT count(*) FROM events"),
        ("places in the log", "SELECT count(DISTINCT \"offset\") FROM events"),
        ("readings", "SELECT count(*) FROM readings"),
        ("next offset", "SELECT next_offset FROM stream_partitions"),
    ] {
        assert_eq!(world.count(sql).await?, expected, "{what}");
    }
    assert_eq!(world.count("SELECT count(*) FROM failures").await?, 0);
    assert_eq!(world.count("SELECT count(*) FROM stream_gaps").await?, 0);
    Ok(())
}
