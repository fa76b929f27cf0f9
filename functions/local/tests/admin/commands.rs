//! Commands that a person runs with `weir --aws`, and their rows of the table `audit`.

use std::{collections::BTreeMap, process::Stdio};

use anyhow::{Context, Result};
use rdkafka::mocking::MockCluster;
use serde_json::Value;
use tokio::io::AsyncReadExt;
use weir_kafka::{OutgoingRecord, Producer};
use weir_testkit::{PATIENCE, Record, eventually};

use crate::world::{ARN, STACK, World, readings};

#[tokio::test]
async fn commands_run_in_the_function_as_they_would_here_and_each_use_is_in_the_audit() -> Result<()>
{
    let world = World::new().await?;
    let kafka = MockCluster::new(1)?;
    for topic in ["readings", "build_events", "cdevents"] {
        kafka.create_topic(topic, 1, 1)?;
    }
    let producer = Producer::new(&kafka.bootstrap_servers(), &BTreeMap::new())?;
    let reading = |n| OutgoingRecord {
        topic: "readings".into(),
        value: Some(
            format!(r#"{{"sensor":"a","value":{n},"timestamp":"2026-01-01T00:00:00Z"}}"#).into(),
        ),
        ..OutgoingRecord::default()
    };
    producer.publish_all((0..3).map(reading)).await?;
    let keys = world.folder.path().join("keys");
    let made = format!("keys new --scope read --name grafana --api-keys-file {}", keys.display());
    assert_eq!(world.command(&made).output().await?.status.code(), Some(0));
    let _function = world.start(&[
        ("KAFKA_URL", &kafka.bootstrap_servers()),
        ("KAFKA_PROPERTIES", "client.id=weir"),
        ("API_KEYS_FILE", &keys.display().to_string()),
    ])?;

    world.deliver(readings(0, 0..3)).await?;
    let bad = |offset| Record { value: "no JSON".into(), offset, ..readings(1, 0..1).remove(0) };
    world.deliver((0..5).map(bad).collect()).await?;

    let listed = world.weir("failures list --json").await?.success()?;
    assert_eq!(serde_json::from_str::<Value>(&listed)?.as_array().map(Vec::len), Some(5));
    let retried = world.weir("failures retry --all").await?;
    assert_eq!(retried.code, Some(1), "{retried:?}");
    assert_eq!(retried.stdout, "0 stored, 0 skipped, 5 refused again\n");
    assert_eq!(retried.stderr, "weir: see `weir failures list` for the reasons\n");
    let asked = world.weir("failures discard readings-1-0").await?;
    assert_eq!(asked.code, Some(2), "{asked:?}");
    assert!(asked.stdout.contains("readings-1-0 will be discarded"), "{asked:?}");
    assert!(asked.stderr.contains("nothing was changed") && asked.stderr.contains("--yes"));
    let discarded = world.weir("failures discard readings-1-0 --yes").await?.success()?;
    assert!(discarded.contains("readings-1-0 discarded"), "{discarded}");
    let open = "SELECT count(*) FROM failures WHERE discarded_at IS NULL";
    assert_eq!(world.count(open).await?, 4);

    world.sql.batch_execute("DELETE FROM readings").await?;
    let asked = world.weir("replay --model readings").await?;
    assert!(asked.code == Some(2) && asked.stdout.contains("3 records of readings"), "{asked:?}");
    assert_eq!(world.count("SELECT count(*) FROM readings").await?, 0, "nothing unasked");
    let replayed = world.weir("replay --model readings --yes").await?.success()?;
    assert!(replayed.contains("readings rebuilt: 3 records, 3 events"), "{replayed}");
    assert_eq!(world.count("SELECT count(*) FROM readings").await?, 3);

    let dumped = world.weir("--models readings dump --dump-date 2023-11-14").await?.success()?;
    assert!(dumped.starts_with("dumped readings 2023-11-14: 3 rows, "), "{dumped}");
    let status = world.weir("dump status").await?.success()?;
    assert!(status.contains("readings     2023-11-14 dumped"), "{status}");
    world.sql.batch_execute("DELETE FROM readings").await?;
    let restored = world.weir("restore --model readings --day 2023-11-14").await?.success()?;
    assert_eq!(restored, "restored readings 2023-11-14: 3 rows\n");
    let months = world.weir("retention --keep 400d --dry-run").await?.success()?;
    assert!(months.contains("readings is kept forever"), "{months}");
    let listed = world.weir("keys list").await?.success()?;
    assert_eq!(listed, "grafana              read\n");
    let compared = world.weir("reconcile").await?;
    assert!(compared.stdout.contains("3 partitions compared"), "{compared:?}");
    world.weir("apply --dedupe readings --yes").await?.success()?;
    let steps = world.weir("migrate status --json").await?.success()?;
    assert!(steps.contains(r#""name":"audit""#), "{steps}");
    world.weir("topic reset readings --force --yes").await?.success()?;
    world.weir("sql-docs").await?.success()?;
    let unknown = world.weir("failures show readings-9-9").await?;
    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(2), ""), "{unknown:?}");

    let audit = world.audit().await?;
    let of = |rest: &str| format!("admin sts {ARN} {rest}");
    for wanted in [
        "failures list --json done 0",
        "failures retry --all failed 1",
        "failures discard readings-1-0 asked 1",
        "failures discard readings-1-0 --yes done 0",
        "replay --model readings asked 1",
        "replay --model readings --yes done 0",
        "dump status done 0",
        "restore --model readings --day 2023-11-14 done 0",
        "keys list done 0",
        "failures show readings-9-9 failed 2",
    ] {
        assert!(audit.contains(&of(wanted)), "{wanted}: {audit:#?}");
    }
    assert_eq!(audit.len(), 17, "{audit:#?}");
    let users = "SELECT count(*) FROM audit WHERE database_user = 'weir_operator' AND request_id LIKE '00000000-%' AND ended_at >= began_at";
    assert_eq!(world.count(users).await?, 17);
    Ok(())
}

/// The output of `config` shows the settings of the function, without secrets.
#[tokio::test]
async fn no_secret_of_the_function_comes_back() -> Result<()> {
    let world = World::new().await?;
    let _function = world.start(&[])?;
    let shown = world.weir("config").await?;
    let all = format!("{shown:?}");
    assert!(all.contains("sasl.password=***") && !all.contains("hunter2"), "{all}");
    assert!(!all.contains(":operator@"), "{all}");
    Ok(())
}

/// A command on a machine that changes data has a row, too.
#[tokio::test]
async fn a_change_by_weir_on_a_machine_is_in_the_audit_without_secrets() -> Result<()> {
    let world = World::new().await?;
    world.deliver(readings(0, 0..3)).await?;
    let url = world.database.url();
    for line in ["replay --model readings --yes", "failures list", "failures retry nothing-0-0"] {
        world.command(&format!("--database-url {url} {line}")).output().await?;
    }
    let audit = world.audit().await?;
    let [replay, retry] = &audit[..] else { anyhow::bail!("two rows: {audit:?}") };
    assert!(replay.starts_with("weir none ") && replay.contains('@'), "{replay}");
    assert!(
        replay.ends_with(" --database-url *** replay --model readings --yes done 0"),
        "{replay}"
    );
    assert!(retry.ends_with(" --database-url *** failures retry nothing-0-0 failed 2"), "{retry}");
    Ok(())
}

#[tokio::test]
async fn ctrl_c_says_what_goes_on() -> Result<()> {
    let world = World::new().await?;
    world.deliver(readings(0, 0..3)).await?;
    let _function = world.start(&[])?;
    let other = world.database.client().await?;
    other.batch_execute("BEGIN; SELECT FROM stream_partitions FOR UPDATE").await?;
    let mut command = world.command(&format!("--aws {STACK} replay --model readings --yes"));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let running = "SELECT count(*) FROM audit WHERE outcome IS NULL";
    eventually(PATIENCE, async || (world.count(running).await.ok()? == 1).then_some(())).await?;
    // The signal handler is there before the first request.
    let pid = child.id().context("a pid")?.to_string();
    std::process::Command::new("kill").args(["-s", "INT", &pid]).status()?;
    let mut said = String::new();
    child.stderr.take().context("stderr")?.read_to_string(&mut said).await?;
    assert_eq!(child.wait().await?.code(), Some(1));
    assert!(
        said.starts_with("weir: stopped waiting: the step that runs in shop-admin goes on")
            && said.contains("run the command again to do the rest"),
        "{said}"
    );
    // It does go on.
    other.batch_execute("ROLLBACK").await?;
    let done = "SELECT count(*) FROM audit WHERE outcome = 'done'";
    eventually(PATIENCE, async || (world.count(done).await.ok()? == 1).then_some(())).await?;
    Ok(())
}

#[tokio::test]
async fn a_wrong_stack_and_missing_rights_name_the_remedy() -> Result<()> {
    let world = World::new().await?;
    let mut other = world.command("--aws other failures list");
    let ended = crate::world::Ended::of(other.output().await?)?;
    assert_eq!(ended.code, Some(2));
    assert_eq!(
        ended.stderr,
        "weir: the function other-admin does not exist in eu-west-1: give the name of the stack with \
            --aws, and its region with AWS_REGION\n"
    );
    let mut nowhere = world.command("--aws shop failures list");
    nowhere.env_remove("AWS_REGION").env("AWS_CONFIG_FILE", "/dev/null");
    let ended = crate::world::Ended::of(nowhere.output().await?)?;
    assert!(ended.code == Some(2) && ended.stderr.contains("AWS_REGION"), "{ended:?}");
    Ok(())
}
