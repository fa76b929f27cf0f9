//! Tests that CloudFormation gets an answer in every case.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use weir_model::models;
use weir_store::{DatabaseConfig, Store, migrate};

use crate::cloud_formation::MigrateWorld;

#[tokio::test]
async fn create_migrates_update_changes_nothing_and_delete_keeps_the_data() -> Result<()> {
    let mut world = MigrateWorld::new().await?;
    let _child = world.start()?;
    for request in ["Create", "Update", "Update"] {
        let answer = world.ask(request, json!({})).await?;
        assert_eq!(answer["Status"], "SUCCESS", "{answer}");
        assert_eq!(answer["Data"], json!({"KafkaUrl": "", "Settings": "0"}));
    }
    assert!(world.has("events").await?);
    let answer = world.ask("Delete", json!({})).await?;
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    assert!(world.has("events").await?);
    Ok(())
}

#[tokio::test]
async fn a_migration_that_fails_fails_the_deployment_with_its_reason() -> Result<()> {
    let mut world = MigrateWorld::new().await?;
    world.database.client().await?.batch_execute("CREATE TABLE failures (mine text)").await?;
    let _child = world.start()?;
    let answer = world.ask("Create", json!({})).await?;
    assert_eq!(answer["Status"], "FAILED", "{answer}");
    assert!(
        answer["Reason"].as_str().unwrap_or_default().contains("\"failures\" already exists"),
        "{answer}"
    );
    // CloudFormation deletes the stack that failed.
    assert_eq!(world.ask("Delete", json!({})).await?["Status"], "SUCCESS");
    // After the repair, the creation succeeds.
    world.database.client().await?.batch_execute("DROP TABLE failures").await?;
    assert_eq!(world.ask("Create", json!({})).await?["Status"], "SUCCESS");
    Ok(())
}

#[tokio::test]
async fn what_takes_too_long_is_answered_before_lambda_ends_it() -> Result<()> {
    let mut world = MigrateWorld::new().await?;
    let other = world.database.client().await?;
    migrate::run(
        &Store::new(&DatabaseConfig::from_url(world.database.url()))?,
        &models::builtin(),
        &Vec::new(),
    )
    .await?;
    // Another session holds the migration lock and never commits.
    other.batch_execute("BEGIN; SELECT FROM migration_lock FOR UPDATE").await?;
    let _child = world.start()?;
    let answer = world.ask_within("Update", json!({}), Duration::from_secs(22)).await?;
    assert_eq!(answer["Status"], "FAILED", "{answer}");
    assert!(
        answer["Reason"].as_str().unwrap_or_default().contains("did not end within"),
        "{answer}"
    );
    drop(other);
    assert_eq!(world.ask("Update", json!({})).await?["Status"], "SUCCESS");
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_refused_is_sent_again() -> Result<()> {
    let mut world = MigrateWorld::new().await?;
    let _child = world.start()?;
    world.refuse(2);
    assert_eq!(world.ask("Create", json!({})).await?["Status"], "SUCCESS");
    Ok(())
}

#[tokio::test]
async fn topics_without_a_kafka_and_requests_that_are_none_are_failures_with_a_reason() -> Result<()>
{
    let mut world = MigrateWorld::new().await?;
    let _child = world.start()?;
    for (request, properties, says) in [
        (
            "Create",
            json!({"Topics": ["readings"], "Partitions": "4"}),
            "set KAFKA_URL or MSK_CLUSTER_ARN",
        ),
        ("Create", json!({"Partitions": "many"}), "Partitions is not a number"),
        ("Create", json!({"Topics": "readings"}), "cannot read the properties of the resource"),
        ("Destroy", json!({}), "Destroy is not a request type of CloudFormation"),
    ] {
        let answer = world.ask(request, properties).await?;
        assert_eq!(answer["Status"], "FAILED", "{answer}");
        assert!(answer["Reason"].as_str().unwrap_or_default().contains(says), "{says}: {answer}");
    }
    Ok(())
}

#[tokio::test]
async fn a_database_that_is_away_is_a_failure_and_the_stack_can_still_be_deleted() -> Result<()> {
    let mut world = MigrateWorld::new().await?;
    let _child =
        world.command().env("DATABASE_URL", "postgresql://weir:x@127.0.0.1:9/weir").spawn()?;
    let answer = world.ask("Create", json!({})).await?;
    assert_eq!(answer["Status"], "FAILED", "{answer}");
    assert_eq!(world.ask("Delete", json!({})).await?["Status"], "SUCCESS");
    Ok(())
}

/// The settings of the template replace the stored ones. An empty text removes a setting.
#[tokio::test]
async fn a_deployment_stores_the_settings_of_the_data() -> Result<()> {
    let mut world = MigrateWorld::new().await?;
    let _child = world.start()?;
    let sql = world.database.client().await?;
    let stored = async || {
        let rows = "SELECT coalesce(string_agg(concat_ws(' ', kind, nullif(name, ''), value), ', ' ORDER BY kind, name), '')
            FROM (SELECT DISTINCT ON (kind, name) * FROM settings ORDER BY kind, name, version DESC) AS s WHERE value IS NOT NULL";
        anyhow::Ok(sql.query_one(rows, &[]).await?.try_get::<_, String>(0)?)
    };
    let first = json!({"TOPICS": "orders=events,r=readings", "EVENT_FIELDS": "orders=entity_id:/id", "GROUP_ID": "s-{topic}", "KEEP": "400d"});
    let answer = world.ask("Create", json!({"Settings": first})).await?;
    assert_eq!(
        (&answer["Status"], &answer["Data"]["Settings"]),
        (&"SUCCESS".into(), &"4".into()),
        "{answer}"
    );
    let wanted = r#"group "s-{topic}", retention {"keep": "400d"}, topic orders {"model": "events", "event-fields": {"entity_id": "/id"}}, topic r {"model": "readings"}"#;
    assert_eq!(stored().await?, wanted);
    let again = world.ask("Update", json!({"Settings": first})).await?;
    assert_eq!(again["Data"]["Settings"], "4", "an equal one changes nothing: {again}");

    let second = json!({"TOPICS": "orders=events,pay=events", "EVENT_FIELDS": "", "GROUP_ID": "s-{topic}", "KEEP": ""});
    let answer = world.ask("Update", json!({"Settings": second})).await?;
    assert_eq!(
        (&answer["Status"], &answer["Data"]["Settings"]),
        (&"SUCCESS".into(), &"8".into()),
        "{answer}"
    );
    assert_eq!(
        stored().await?,
        r#"group "s-{topic}", topic orders {"model": "events"}, topic pay {"model": "events"}"#
    );

    for (wrong, says) in [
        (json!({"TOPICS": "a=nothing"}), "bound to the unknown model"),
        (json!({"TOPIC": "a=events"}), "--topic"),
    ] {
        let answer = world.ask("Update", json!({"Settings": wrong})).await?;
        assert_eq!(answer["Status"], "FAILED", "{answer}");
        assert!(answer["Reason"].as_str().unwrap_or_default().contains(says), "{answer}");
    }
    Ok(())
}
