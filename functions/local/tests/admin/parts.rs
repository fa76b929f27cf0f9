//! Long commands: several parts, the end of the time, a killed function, a request that is sent
//! twice.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use weir_testkit::{PATIENCE, Record, eventually};

use crate::world::{LIMIT, World, readings, run};

#[tokio::test]
async fn a_replay_and_a_retry_go_on_in_the_next_invocation() -> Result<()> {
    let world = World::new().await?;
    // A chunk of the log has at most 2,000 records.
    world.deliver(readings(0, 0..2_500)).await?;
    world.deliver(readings(1, 0..1_500)).await?;
    let bad = |offset| Record { value: "no JSON".into(), offset, ..readings(2, 0..1).remove(0) };
    world.deliver((0..150).map(bad).collect()).await?;
    let _function = world.start(&[("ADMIN_PART_SECONDS", "0")])?;

    world.sql.batch_execute("DELETE FROM readings").await?;
    let replayed = world.weir("replay --model readings --topic readings --yes").await?.success()?;
    assert!(
        replayed.ends_with(
            "readings updated: 4000 records, 4000 events, 0 no longer skipped, 0 newly refused\n"
        ),
        "{replayed}"
    );
    assert_eq!(replayed.matches("will be read").count(), 1, "{replayed}");
    assert_eq!(world.count("SELECT count(*) FROM readings").await?, 4_000);
    let retried = world.weir("failures retry --all").await?;
    assert_eq!(retried.stdout, "0 stored, 0 skipped, 150 refused again\n", "{retried:?}");
    let attempts = "SELECT count(*) FROM failures WHERE attempts = 2";
    assert_eq!(world.count(attempts).await?, 150, "each one is retried once");

    let parts = "SELECT parts::bigint FROM audit WHERE action LIKE 'replay%'";
    assert!(world.count(parts).await? >= 2);
    let parts = "SELECT parts::bigint FROM audit WHERE action LIKE 'failures%'";
    assert_eq!(world.count(parts).await?, 2);
    assert_eq!(world.count("SELECT count(*) FROM audit").await?, 2, "one row for a command");
    Ok(())
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_stopped_and_rolled_back() -> Result<()> {
    let world = World::new().await?;
    world.deliver(readings(0, 0..3)).await?;
    let _function = world.start(&[("LOCK_TIMEOUT", "600"), ("STATEMENT_TIMEOUT", "600")])?;
    let other = world.database.client().await?;
    other.batch_execute("BEGIN; SELECT FROM stream_partitions FOR UPDATE").await?;
    // 15 s are for the answer.
    let told = Duration::from_secs(18);
    let event = run("replay --model readings --yes").to_string();
    let answer = world.runtime.invoke_told(event.into(), told, LIMIT).await?;
    let said = answer["stderr"].as_str().unwrap_or_default();
    assert!(
        answer["next"] == json!({"ended": 1}) && said.contains("stopped after 2 s"),
        "{answer}"
    );
    other.batch_execute("ROLLBACK").await?;
    let left = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'weir_operator' AND datname = current_database() AND state <> 'idle'";
    eventually(PATIENCE, async || (world.count(left).await.ok()? == 0).then_some(())).await?;
    assert_eq!(world.audit().await?, ["admin none someone replay --model readings --yes stopped"]);
    Ok(())
}

#[tokio::test]
async fn a_killed_function_leaves_a_row_without_an_end_and_progress_can_be_watched() -> Result<()> {
    let world = World::new().await?;
    world.deliver(readings(0, 0..3)).await?;
    let mut function = world.start(&[])?;
    let other = world.database.client().await?;
    other.batch_execute("BEGIN; SELECT FROM stream_partitions FOR UPDATE").await?;
    let event = run("replay --model readings --yes");
    let id = event["run"]["id"].clone();
    let invoked = async {
        tokio::select! {
            answer = world.invoke(&event) => anyhow::bail!("{answer:?}"),
            progress = eventually(PATIENCE, async || {
                let sql = "SELECT progress FROM audit WHERE outcome IS NULL";
                world.sql.query_opt(sql, &[]).await.ok()??.try_get::<_, Option<String>>(0).ok()?
            }) => progress,
        }
    };
    let progress = invoked.await?;
    assert!(progress.contains("replaying"), "{progress}");
    function.kill().await?;
    world.runtime.reset();
    other.batch_execute("ROLLBACK").await?;

    let _function = world.start(&[])?;
    let watched = world.invoke(&json!({"watch": id})).await?;
    assert_eq!(watched, json!({"progress": progress}));
    assert_eq!(world.audit().await?, ["admin none someone replay --model readings --yes"]);
    // The same request again, as a client sends it that got no answer.
    let again = world.invoke(&event).await?;
    let said = again["stderr"].as_str().context("a text")?;
    assert!(said.starts_with("weir: nothing was done: this command was begun before"), "{again}");
    assert_eq!(again["next"], json!({"ended": 1}));
    Ok(())
}

#[tokio::test]
async fn a_part_of_another_command_or_of_another_person_is_not_run() -> Result<()> {
    let world = World::new().await?;
    world.deliver(readings(0, 0..2_500)).await?;
    let _function = world.start(&[("ADMIN_PART_SECONDS", "0")])?;
    let first = run("replay --model readings --topic readings --yes");
    let state = world.invoke(&first).await?["next"]["part"].clone();
    assert!(state.is_array(), "{state}");
    let next = |arguments: &serde_json::Value, parts: i32| {
        let mut next = first.clone();
        next["run"]["arguments"] = arguments.clone();
        next["run"]["parts"] = parts.into();
        next["run"]["state"] = state.clone();
        next
    };
    let same = first["run"]["arguments"].clone();
    for wrong in [next(&json!(["failures", "list"]), 1), next(&same, 2), next(&same, 0)] {
        let answer = world.invoke(&wrong).await?;
        let said = answer["stderr"].as_str().unwrap_or_default();
        assert!(said.starts_with("weir: nothing was done: "), "{answer}");
    }
    // The row has no proved actor, so anyone may continue it.
    world.sql.batch_execute("UPDATE audit SET actor_proof = 'sts'").await?;
    let refused = world.invoke(&next(&same, 1)).await?;
    assert_eq!(refused["next"], json!({"ended": 1}), "{refused}");
    world.sql.batch_execute("UPDATE audit SET actor_proof = 'none'").await?;
    let answer = world.invoke(&next(&same, 1)).await?;
    assert!(answer["next"]["part"].is_array(), "{answer}");
    Ok(())
}
