//! Tests that a deployment applies the settings in packaged files.

use std::fs;

use anyhow::Result;
use serde_json::{Value, json};

use crate::cloud_formation::MigrateWorld;

fn properties(keep: &str) -> Value {
    json!({"Topics": ["orders"], "CreateTopics": "false", "Settings": {"TOPICS": "orders", "GROUP_ID": "s.{topic}", "KEEP": keep, "DEDUPE": ""}})
}

#[tokio::test]
async fn a_deployment_applies_the_files_and_their_changes() -> Result<()> {
    let mut world = MigrateWorld::new().await?;
    let folder = tempfile::tempdir()?;
    let file = |name: &str, text: &str| fs::write(folder.path().join(name), text);
    file("orders.toml", "[topics.orders]\ndedupe = true\navro = \"order.avsc\"")?;
    file("order.avsc", r#"{"type": "record", "name": "order", "fields": []}"#)?;
    file("retention.toml", "[retention]\nkeep = \"400d\"\n[retention.readings]\nkeep = \"90d\"")?;
    file("notes.txt", "not a setting")?;
    let mut command = world.command();
    command.env("SETTINGS_DIR", folder.path()).env("KAFKA_URL", "127.0.0.1:9");
    let child = command.spawn()?;
    let answer = world.ask("Create", properties("")).await?;
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    let sql = world.database.client().await?;
    let stored = async |kind: &str, name: &str| {
        let value = "SELECT value::text FROM settings WHERE kind = $1 AND name = $2 ORDER BY version DESC LIMIT 1";
        let row = sql.query_one(value, &[&kind, &name]).await?;
        anyhow::Ok(serde_json::from_str::<Value>(row.try_get(0)?)?)
    };
    assert_eq!(stored("retention", "").await?, json!({"keep": "400d"}));
    assert_eq!(stored("retention", "readings").await?, json!({"keep": "90d"}));
    let orders = stored("topic", "orders").await?;
    assert!(orders["dedupe"] == true && orders["model"] == "events", "{orders}");
    assert_eq!(orders["avro"]["name"], "order");

    // The next deployment has another file, so the function starts again.
    drop(child);
    world.runtime.reset();
    file("retention.toml", "[retention.readings]\nkeep = \"30d\"")?;
    let _child = command.spawn()?;
    assert_eq!(world.ask("Update", properties("400d")).await?["Status"], "SUCCESS");
    assert_eq!(stored("retention", "readings").await?, json!({"keep": "30d"}));
    let changes = "SELECT count(*) FROM settings";
    let before: i64 = sql.query_one(changes, &[]).await?.try_get(0)?;
    assert_eq!(world.ask("Update", properties("400d")).await?["Status"], "SUCCESS");
    let after: i64 = sql.query_one(changes, &[]).await?.try_get(0)?;
    assert_eq!(before, after, "an equal deployment changes nothing");
    Ok(())
}

#[tokio::test]
async fn a_file_that_cannot_be_applied_is_named_and_nothing_is_changed() -> Result<()> {
    let mut world = MigrateWorld::new().await?;
    let folder = tempfile::tempdir()?;
    for (text, says) in [
        ("[topics.pay]\ndedupe = true", "[topics.pay] of "),
        ("[topics.orders]\nmodel = \"events\"", "which TopicModels sets"),
        ("[topics.orders]\nevent-fields = { entity_id = \"/id\" }", "which EventFields sets"),
        ("[topics.orders]\ngroup = \"other\"", "which the name of the stack sets"),
        ("[topics.orders]\nremove = true", "remove the topic from Topics"),
        ("[retention]\nkeep = \"30d\"", "Keep and [retention] of "),
        ("port = 3000", "\"port\" is not a setting of the data"),
        ("[retention.readings]\nkeep = \"soon\"", "not a number of days"),
        ("[retention.nothing]\nkeep = \"30d\"", "nothing"),
        ("[[", "settings.toml: "),
    ] {
        fs::write(folder.path().join("settings.toml"), text)?;
        let mut command = world.command();
        command.env("SETTINGS_DIR", folder.path()).env("KAFKA_URL", "127.0.0.1:9");
        let mut child = command.spawn()?;
        let answer = world.ask("Create", properties("400d")).await?;
        assert_eq!(answer["Status"], "FAILED", "{text}: {answer}");
        let reason = answer["Reason"].as_str().unwrap_or_default();
        assert!(reason.contains(says), "{says}: {answer}");
        assert!(!world.has("events").await?, "{says}: the schema is not touched");
        child.kill().await?;
        world.runtime.reset();
    }
    Ok(())
}

/// The files of the repository are those of every deployment.
#[tokio::test]
async fn the_packaged_files_can_be_applied() -> Result<()> {
    let mut world = MigrateWorld::new().await?;
    let mut command = world.command();
    let files = concat!(env!("CARGO_MANIFEST_DIR"), "/../../package/settings");
    let _child = command.env("SETTINGS_DIR", files).env("KAFKA_URL", "127.0.0.1:9").spawn()?;
    let answer = world.ask("Create", properties("")).await?;
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    Ok(())
}
