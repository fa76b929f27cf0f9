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

/// A deployment does not undo what a person has set with `weir apply`.
#[tokio::test]
async fn a_parameter_that_contradicts_the_database_changes_nothing() -> Result<()> {
    let mut world = MigrateWorld::new().await?;
    let _child = world.start()?;
    let settings = |keep: &str, fields: &str| json!({"Settings": {"TOPICS": "orders", "GROUP_ID": "s.{topic}", "KEEP": keep, "EVENT_FIELDS": fields}});
    let first = world.ask("Create", settings("400d", "")).await?;
    assert_eq!((&first["Status"], &first["Data"]["Settings"]), (&"SUCCESS".into(), &"3".into()));
    let sql = world.database.client().await?;
    sql.batch_execute(
        r#"INSERT INTO settings (kind, name, version, value, set_by) VALUES
            ('retention', '', 2, '{"keep": "90d"}', 'apply'),
            ('topic', 'orders', 2, '{"model": "events", "event-fields": {"entity_id": "/id"}}', 'apply')"#,
    )
    .await?;
    for (properties, says) in [
        (settings("400d", "orders=entity_id:/id"), "Keep or a packaged file would change"),
        (
            settings("90d", ""),
            "Topics, TopicModels, EventFields, Dedupe or a packaged file would change",
        ),
    ] {
        let answer = world.ask("Update", properties).await?;
        assert_eq!(answer["Status"], "FAILED", "{answer}");
        let reason = answer["Reason"].as_str().unwrap_or_default();
        assert!(reason.contains(says) && reason.contains("weir apply"), "{says}: {answer}");
    }
    let count = "SELECT count(*) FROM settings";
    assert_eq!(sql.query_one(count, &[]).await?.try_get::<_, i64>(0)?, 5, "nothing is stored");
    let equal = world.ask("Update", settings("90d", "orders=entity_id:/id")).await?;
    assert_eq!(equal["Status"], "SUCCESS", "{equal}");
    Ok(())
}

/// A wrong parameter is refused before the schema exists, with its name.
#[tokio::test]
async fn a_wrong_parameter_changes_nothing() -> Result<()> {
    let mut world = MigrateWorld::new().await?;
    let _child = world.start()?;
    let settings = |topics: &str| json!({"TOPICS": topics, "GROUP_ID": "weir.{topic}"});
    let long = "a".repeat(199);
    for (properties, says) in [
        (json!({"Topics": ["a", ""], "Settings": settings("a,")}), "Topics contains an empty name"),
        (json!({"Topics": ["a b"], "Settings": settings("")}), "Topics contains \"a b\""),
        (json!({"Topics": [".."], "Settings": settings("..")}), "Topics contains \"..\""),
        (
            json!({"Topics": [long.clone()], "Settings": settings(&long)}),
            "more than 200 characters",
        ),
        (
            json!({"Topics": ["a.b", "a-b"], "Settings": settings("a.b,a-b")}),
            "Topics contains a.b and a-b, which differ at most in",
        ),
        (
            json!({"Topics": ["a", "a"], "Settings": settings("a,a")}),
            "Topics contains a and a, which differ at most in",
        ),
        (
            json!({"Topics": ["a"], "Settings": {"TOPICS": "a", "KEEP": "0d"}}),
            "'0d' for 'Keep <DAYS>'",
        ),
        (
            json!({"Topics": ["a"], "Settings": settings("a,b=readings")}),
            "TopicModels names topic \"b\", which is not in Topics",
        ),
        (
            json!({"Topics": ["a"], "Settings": {"TOPICS": "a", "EVENT_FIELDS": "b=entity_id:/id"}}),
            "EventFields names topic \"b\", which is not in Topics",
        ),
        (
            json!({"Topics": ["a"], "Settings": settings("a"), "UploadFolders": "b/=b"}),
            "UploadFolders names topic \"b\", which is not in Topics",
        ),
        (
            json!({"Topics": ["a"], "Settings": settings("a"), "UploadFolders": "b/"}),
            "UploadFolders contains \"b/\": give FOLDER=TOPIC",
        ),
        (json!({"Topics": ["a"], "Settings": settings("a=nothing")}), "unknown model \"nothing\""),
    ] {
        let answer = world.ask("Create", properties).await?;
        assert_eq!(answer["Status"], "FAILED", "{says}: {answer}");
        let reason = answer["Reason"].as_str().unwrap_or_default();
        assert!(reason.contains(says), "{says}: {answer}");
        assert!(!world.has("events").await?, "{says}: the schema is not touched");
    }
    let none = json!({"Topics": [""], "Settings": {"TOPICS": "", "GROUP_ID": "weir.{topic}"}});
    assert_eq!(world.ask("Create", none).await?["Status"], "SUCCESS");
    Ok(())
}
