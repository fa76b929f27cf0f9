//! What the function does not run, whoever asks.

use anyhow::Result;
use serde_json::json;

use crate::world::{World, run};

#[tokio::test]
async fn a_command_that_needs_the_persons_machine_is_refused_here_and_in_the_function() -> Result<()>
{
    let world = World::new().await?;
    let _function = world.start(&[])?;
    for line in [
        "migrate",
        "collect folder --files =readings",
        "failures list --database-url postgresql://u:hunter2@h/d",
        "apply /proc/self/environ",
        "keys new --scope admin",
    ] {
        let here = world.weir(line).await?;
        assert_eq!((here.code, here.stdout.as_str()), (Some(2), ""), "{line}: {here:?}");
        assert!(here.stderr.lines().count() == 1, "{line}: {here:?}");
        let there = world.invoke(&run(line)).await?;
        assert_eq!(there["next"], json!({"ended": 2}), "{line}: {there}");
        assert_eq!(there["stderr"], here.stderr.as_str(), "{line}");
    }
    let server = world.weir("").await?;
    assert_eq!(server.code, Some(2), "{server:?}");
    assert_eq!(world.audit().await?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn nothing_runs_without_its_row_in_the_audit() -> Result<()> {
    let world = World::new().await?;
    let _function = world.start(&[])?;
    world.sql.batch_execute("REVOKE INSERT ON audit FROM weir_operator").await?;
    let refused = world.weir("failures list").await?;
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{refused:?}");
    assert!(
        refused.stderr.starts_with("weir: nothing was done: cannot write the table audit: "),
        "{refused:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_wrong_proof_is_refused_and_without_one_the_actor_is_only_claimed() -> Result<()> {
    let world = World::new().await?;
    let _function = world.start(&[])?;
    let mut event = run("failures list");
    event["run"]["proof"] = "Action=GetCallerIdentity&Version=2011-06-15".into();
    let refused = world.invoke(&event).await?;
    assert_eq!(refused["next"], json!({"ended": 1}), "{refused}");
    assert_eq!(
        refused["stderr"],
        "weir: nothing was done: not a proof of an AWS identity for this use\n"
    );
    assert_eq!(world.invoke(&run("failures list")).await?["next"], json!({"ended": 0}));
    assert_eq!(world.audit().await?, ["admin none someone failures list done 0"]);
    Ok(())
}
