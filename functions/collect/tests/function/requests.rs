//! Requests of API Gateway.

use anyhow::Result;
use serde_json::json;

use crate::child::CollectFunctionWorld;

const READING: &str = r#"{"sensor":"speed","value":1,"timestamp":"2026-01-01T00:00:00Z"}"#;

#[tokio::test]
async fn readings_are_in_kafka_before_the_answer() -> Result<()> {
    let world = CollectFunctionWorld::new().await?;
    let _function = CollectFunctionWorld::start(&mut world.command())?;
    let ndjson = json!({"content-type": "application/x-ndjson"});
    assert_eq!(world.post("/ingest", ndjson.clone(), READING).await?, (200, json!({})));
    assert_eq!(world.broker.values("readings"), [READING]);
    let (status, body) = world.post("/ingest/orders", ndjson.clone(), "{}\n{").await?;
    assert_eq!((status, &body["accepted"]), (400, &json!(1)));
    let long = format!("{READING}\n").repeat(70_000);
    assert!(long.len() > 4 * 1024 * 1024);
    let (status, problem) = world.post("/ingest", ndjson, &long).await?;
    assert_eq!((status, &problem["code"]), (413, &json!("BODY_TOO_LARGE")));
    assert!(
        problem["hint"].as_str().is_some_and(|hint| hint.contains("/ingest/upload?topic=")),
        "{problem}"
    );
    assert_eq!(world.broker.values("readings").len(), 1);
    let event = json!({"context": {"specversion": "0.5.1", "id": "1", "source": "/ci", "type": "dev.cdevents.build.queued.0.3.0",
        "timestamp": "2026-01-01T00:00:00Z"}, "subject": {"id": "b", "content": {}}});
    let json = json!({"content-type": "application/json"});
    assert_eq!(
        world.post("/cdevents", json, &event.to_string()).await?,
        (201, json!({"accepted": 1}))
    );
    assert_eq!(world.broker.values("cdevents"), [event.to_string()]);
    // No bucket is configured.
    assert_eq!(world.post("/ingest/upload?topic=readings", json!({}), "").await?.0, 404);
    Ok(())
}

#[tokio::test]
async fn a_file_may_be_put_where_its_notification_is_collected() -> Result<()> {
    let world = CollectFunctionWorld::new().await?;
    let mut command = world.command();
    command.env("UPLOAD_URL", "s3://bucket/in").env("FILES", "in/boats/=readings,other/=orders");
    command.envs([
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "eu-central-1"),
    ]);
    let _function = CollectFunctionWorld::start(&mut command)?;
    let (status, upload) = world.post("/ingest/upload?topic=readings", json!({}), "").await?;
    assert_eq!(
        (status, &upload["method"], &upload["expires_in"]),
        (200, &json!("PUT"), &json!(3600)),
        "{upload}"
    );
    let url = upload["url"].as_str().unwrap_or_default();
    assert!(
        url.contains("/in/boats/")
            && url.contains(".ndjson?")
            && url.contains("X-Amz-Signature=")
            && !url.contains("secret"),
        "{url}"
    );
    assert_eq!(
        world.post("/ingest/upload?topic=orders", json!({}), "").await?.0,
        404,
        "its prefix is not below the bucket's"
    );
    assert_eq!(world.post("/ingest/upload?topic=readings&key=%2Fid", json!({}), "").await?.0, 400);
    Ok(())
}

#[tokio::test]
async fn it_does_not_start_when_it_would_be_open_or_has_no_kafka() -> Result<()> {
    let world = CollectFunctionWorld::new().await?;
    for (name, value, says) in [
        ("AUTH", "keys", "the function would serve requests without a key"),
        ("TOPICS", "a=nothing", "bound to the unknown model"),
        ("FILES", "a/=nothing", "topic nothing is not bound to a model"),
        ("SOURCES", "[a]\ntopic = 1", "sources: "),
        ("KAFKA_PROPERTIES", "sasl.oauthbearer.method=oidc", "oidc needs sasl.oauthbearer"),
    ] {
        let ended = world.command().env(name, value).output().await?;
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{name}: {said}");
        assert!(said.contains(says) && said.lines().count() == 1, "{name}: {said}");
    }
    let ended = world.command().env_remove("KAFKA_URL").output().await?;
    assert!(String::from_utf8_lossy(&ended.stderr).contains("KAFKA_URL is missing"));
    Ok(())
}
