//! Tests the function with AWS's Runtime Interface Emulator, as it ships in aws-sam-cli. Started by
//! `tests/external/rie/run`.

use serde_json::json;
use weir_testkit::{Database, Emulator, sample_event};

#[tokio::test]
#[ignore = "needs AWS's emulator: bash tests/external/rie/run"]
async fn a_request_goes_through_awss_own_emulator() -> anyhow::Result<()> {
    let database = Database::create("api_rie", async |url: String| {
        let store = weir_store::Store::new(&weir_store::DatabaseConfig::from_url(url))?;
        weir_store::migrate::run(&store, &weir_model::models::builtin(), &Vec::new()).await?;
        Ok(())
    })
    .await?;
    let emulator = Emulator::start(
        env!("CARGO_BIN_EXE_api"),
        &[("DATABASE_URL", &database.url()), ("AUTH", "iam")],
    )
    .await?;
    let http = |path: &str| json!({"version": "2.0", "rawPath": path, "rawQueryString": "limit=1", "headers": {}, "requestContext": {"stage": "$default", "http": {"method": "GET", "path": path, "sourceIp": "203.0.113.7"}}});
    let rest = |path: &str| json!({"path": path, "httpMethod": "GET", "requestContext": {"stage": "prod", "path": format!("/prod{path}"), "httpMethod": "GET"}});
    let answer = emulator.invoke(http("/v1/events").to_string().as_bytes()).await?;
    assert_eq!(
        (&answer["statusCode"], &answer["body"], &answer["isBase64Encoded"]),
        (&200.into(), &"[]".into(), &false.into()),
        "{answer}"
    );
    let answer = emulator.invoke(rest("/healthz").to_string().as_bytes()).await?;
    let is_ok = answer["body"].as_str().is_some_and(|body| body.contains(r#""status":"ok""#));
    assert!(answer["statusCode"] == 200 && is_ok, "{answer}");
    for (name, status) in
        [("api-get", 200), ("api-get-v1", 200), ("api-post", 200), ("api-not-found", 404)]
    {
        let answer = emulator.invoke(&sample_event(name)?).await?;
        assert_eq!(answer["statusCode"], status, "{name}: {answer}");
    }
    let wrong = emulator.invoke(b"{}").await?.to_string();
    assert!(wrong.contains("API Gateway"), "{wrong}");
    Ok(())
}
