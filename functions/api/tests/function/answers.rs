//! Tests of the function's answers to API Gateway in both payload formats, and of its lines on
//! stdout.

use serde_json::{Value, json};
use weir_testkit::FunctionError;

use crate::{
    child::{ApiFunctionWorld, LIMIT},
    request::{Request, SOURCE_IP},
};

#[tokio::test]
async fn an_http_api_is_answered_in_format_2() -> anyhow::Result<()> {
    let world = ApiFunctionWorld::new().await?;
    world.readings(3, 0).await?;
    let function = world.start(world.open())?;
    let answer = function.get("/v1/readings?limit=2&sensor=speed").await?;
    assert_eq!((answer.status(), answer.is_base64()), (200, false));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json().as_array().map(Vec::len), Some(2));
    // This format allows one value for each header name, so the two values of `vary` are joined.
    // The request's id is the id in Lambda's own log lines.
    assert_eq!(answer.0["headers"]["vary"], "accept, accept-encoding");
    assert_eq!(answer.0["headers"]["x-request-id"], "00000000-0000-4000-8000-000000000001");
    let named = function.ask(Request::get("/ping").header("x-request-id", "mine")).await?;
    assert_eq!((named.header("x-request-id"), named.body()), (Some("mine"), b"PONG".to_vec()));
    let page = function.get("/docs/").await?;
    assert_eq!(
        (page.status(), page.is_base64(), page.header("content-type")),
        (200, false, Some("text/html"))
    );
    let icon = function.get("/docs/favicon-32x32.png").await?;
    assert!(icon.is_base64() && icon.body().starts_with(b"\x89PNG"), "{}", icon.0);
    assert_eq!(function.get("/plugins/daily_totals").await?.json(), json!([]));
    Ok(())
}

#[tokio::test]
async fn a_rest_api_is_answered_in_format_1() -> anyhow::Result<()> {
    let world = ApiFunctionWorld::new().await?;
    world.readings(3, 0).await?;
    let function = world.start(world.open())?;
    let answer = function.ask_rest(Request::get("/v1/readings?limit=2&sensor=speed")).await?;
    assert_eq!((answer.status(), answer.is_base64()), (200, false));
    assert_eq!(answer.0["multiValueHeaders"]["content-type"], json!(["application/json"]));
    assert_eq!(answer.json().as_array().map(Vec::len), Some(2));
    assert_eq!(function.ask_rest(Request::get("/nowhere")).await?.json()["code"], "NOT_FOUND");
    // API Gateway would pass base64 to the client undecoded, so the answer is not compressed.
    let plain =
        function.ask_rest(Request::get("/v1/readings").header("accept-encoding", "gzip")).await?;
    assert_eq!((plain.is_base64(), plain.header("content-encoding")), (false, None));
    Ok(())
}

#[tokio::test]
async fn a_compressed_body_goes_out_in_base64_and_ndjson_as_text() -> anyhow::Result<()> {
    let world = ApiFunctionWorld::new().await?;
    world.readings(200, 0).await?;
    let function = world.start(world.open())?;
    let request = Request::get("/v1/readings").header("accept", "application/x-ndjson");
    let plain = function.ask(request.clone()).await?;
    assert_eq!(
        (plain.is_base64(), plain.header("content-type")),
        (false, Some("application/x-ndjson"))
    );
    let zipped = function.ask(request.header("accept-encoding", "gzip, br")).await?;
    assert_eq!((zipped.is_base64(), zipped.header("content-encoding")), (true, Some("gzip")));
    let body = zipped.decompressed();
    assert!(zipped.body().len() < body.len() / 2 && body == plain.body());
    assert_eq!(String::from_utf8(body)?.lines().count(), 200);
    Ok(())
}

#[tokio::test]
async fn a_request_is_counted_by_its_route_and_logged() -> anyhow::Result<()> {
    let world = ApiFunctionWorld::new().await?;
    let function = world.start(world.open())?;
    let build = "5a3b9c00-0000-4000-8000-000000000001";
    function.get(&format!("/build/{build}?api_key=secret")).await?;
    function.get("/nowhere").await?;
    let answer = function.get("/v1/failures/count").await?;
    for (route, status, bytes) in [
        ("/build/{build}", "4xx", None),
        ("none", "4xx", None),
        ("/v1/failures/count", "2xx", Some(answer.body().len())),
    ] {
        let line = function.said(|line| line["route"] == route).await?;
        let declared = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(
            (&declared["Namespace"], &declared["Dimensions"]),
            (&"Weir".into(), &json!([["route", "status"]]))
        );
        let metrics =
            [("requests", "Count"), ("request_ms", "Milliseconds"), ("response_bytes", "Bytes")];
        assert_eq!(
            declared["Metrics"],
            Value::from_iter(metrics.map(|(name, unit)| json!({"Name": name, "Unit": unit})))
        );
        assert_eq!((&line["status"], &line["requests"]), (&status.into(), &1.into()));
        assert!(
            line["request_ms"].as_f64().is_some_and(|ms| ms > 0.0)
                && line["_aws"]["Timestamp"].as_u64().is_some_and(|at| at > 1 << 40)
        );
        assert!(bytes.is_none_or(|bytes| line["response_bytes"] == bytes), "{line}");
    }
    let line = function.said(|line| line["target"] == "weir_api::access").await?;
    assert_eq!(
        (&line["remote"], &line["path"], &line["status"]),
        (&SOURCE_IP.into(), &format!("/build/{build}").into(), &404.into())
    );
    assert!(!function.all_said().contains("secret"));
    Ok(())
}

#[tokio::test]
async fn an_event_that_is_not_of_api_gateway_is_an_error() -> anyhow::Result<()> {
    let world = ApiFunctionWorld::new().await?;
    let function = world.start(world.open())?;
    match world.runtime.invoke(br#"{"Records":[]}"#.to_vec(), LIMIT).await {
        Err(FunctionError::Failed { message, .. }) => {
            assert!(message.contains("API Gateway"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(function.get("/ping").await?.body(), b"PONG");
    Ok(())
}
