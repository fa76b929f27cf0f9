//! Events of `EventBridge`, with and without a source. The tests of S3 notifications need an S3
//! server.

use anyhow::Result;
use serde_json::{Value, json};

use crate::child::CollectFunctionWorld;

const SOURCES: &str = "[tasks]\ntopic = \"orders\"\neventbridge = { source = \"aws.ecs\", detail-type = \"ECS Task State Change\" }\n\
                       [any]\ntopic = \"readings\"\neventbridge = { source = \"own.boats\" }\n";

#[tokio::test]
async fn an_event_goes_to_the_topic_of_its_source() -> Result<()> {
    let world = CollectFunctionWorld::new().await?;
    let _function = CollectFunctionWorld::start(world.command().env("SOURCES", SOURCES))?;
    let event = |source: &str, kind: &str| json!({"version": "0", "id": "17", "detail-type": kind, "source": source, "detail": {"x": 1}});
    let task = event("aws.ecs", "ECS Task State Change");
    assert_eq!(world.invoke(&task).await?, json!(null));
    let values = world.broker.values("orders");
    assert_eq!(
        values
            .iter()
            .map(|value| serde_json::from_str(value))
            .collect::<Result<Vec<serde_json::Value>, _>>()?,
        [task]
    );
    // The event is not a reading. The sender gets no answer, so the event is sent to Kafka, and
    // ingest stores it as a failure.
    world.invoke(&event("own.boats", "Sailed")).await?;
    assert_eq!(world.broker.values("readings").len(), 1);
    let unknown = world.invoke(&event("aws.ecs", "Something else")).await;
    assert!(
        unknown
            .as_ref()
            .is_err_and(|error| error.to_string().contains("no source of the configuration")),
        "{unknown:?}"
    );
    Ok(())
}

#[tokio::test]
async fn an_image_action_of_ecr_is_converted() -> Result<()> {
    const SOURCES: &str = "[images]\ntopic = \"cdevents\"\nconvert = \"ecr\"\neventbridge = { source = \"aws.ecr\" }\n";
    let world = CollectFunctionWorld::new().await?;
    let _function = CollectFunctionWorld::start(world.command().env("SOURCES", SOURCES))?;
    let push: Value = serde_json::from_str(include_str!(
        "../../../../shared/model/src/cdevents/convert/recorded/ecr_push.json"
    ))?;
    world.invoke(&push).await?;
    let mut failed = push.clone();
    failed["detail"]["result"] = json!("FAILURE");
    world.invoke(&failed).await?;
    world
        .invoke(&json!({"source": "aws.ecr", "detail-type": "ECR Image Scan", "detail": {}}))
        .await?;
    // An event that cannot be converted is kept unchanged. Ingest stores it as a failure.
    let mut other = push.clone();
    other["detail"]["repository-name"] = json!(null);
    world.invoke(&other).await?;
    let stored = world.broker.stored("cdevents");
    assert_eq!(stored.len(), 2, "{stored:?}");
    let event: Value = serde_json::from_str(&stored[0].value)?;
    assert_eq!(event["context"]["type"], "dev.cdevents.artifact.published.0.3.0");
    assert_eq!(stored[0].key.as_deref(), event["subject"]["id"].as_str());
    assert_eq!(serde_json::from_str::<Value>(&stored[1].value)?, other);
    Ok(())
}

#[tokio::test]
async fn an_invalid_event_is_an_error() -> Result<()> {
    let world = CollectFunctionWorld::new().await?;
    let _function = CollectFunctionWorld::start(&mut world.command())?;
    assert!(world.invoke(&json!({})).await.is_err());
    assert!(world.invoke(&json!({"Records": [{"x": 1}]})).await.is_err());
    assert_eq!(
        world
            .invoke(&json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}))
            .await?,
        json!(null)
    );
    let removed = json!({"Records": [{"eventName": "ObjectRemoved:Delete", "s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}}]});
    assert_eq!(world.invoke(&removed).await?, json!(null));
    let unmatched = json!({"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}}]});
    let unmatched = world.invoke(&unmatched).await;
    assert!(
        unmatched.as_ref().is_err_and(|error| error.to_string().contains("no prefix of FILES")),
        "an object that is not read is not a success: {unmatched:?}"
    );
    Ok(())
}
