//! Tests of the features that clients of Probo, Phobos and cloud-lada need, route by route. The
//! file of each route tests the other features. A new route needs no row here.

use axum::http::Method;
use serde_json::{Value, json};
use weir_testkit::{Field, Record};

use super::ApiWorld;

const BUILD: &str = "5a3b9c00-0000-4000-8000-0000000000ab";
const REAPED: &str = "5a3b9c00-0000-4000-8000-0000000000ac";
const PROJECT: &str = "0e3c1f6a-2f50-4a86-9d5c-7b9c1a4f2d10";
const NOBODY: &str = "5a3b9c00-0000-4000-8000-0000000000ff";

async fn world() -> ApiWorld {
    let world = ApiWorld::new().await;
    let event = |id: &str, bytes: i64, reaped: bool, minute: u8| {
        let at = format!("2020-01-01T00:{minute:02}:00Z");
        json!({"version": 1, "data": {"topic": "build_events", "event": "ready", "data": {}, "build": {
            "id": id, "projectId": PROJECT, "diskSpace": {"realBytes": bytes}, "reaped": reaped, "createdAt": at, "updatedAt": at,
            "pullRequest": {"number": 7}}}})
        .to_string()
    };
    world.build_events(&[event(BUILD, 100, false, 1), event(REAPED, 50, true, 2)]).await;
    world
        .readings(&[
            ("speed", 10.0, "2020-01-02T00:00:00Z"),
            ("fuel", 50.0, "2020-01-02T00:00:01Z"),
            ("engine_temperature", 30.0, "2020-01-02T00:00:02Z"),
            ("revolution", 1000.0, "2020-01-02T00:00:03Z"),
            ("location_latitude", 50.0, "2020-01-02T00:00:04Z"),
            ("location_longitude", 51.0, "2020-01-02T00:00:04Z"),
        ])
        .await;
    world
}

/// Sends a request and compares status and body with the row. A null body is not compared.
async fn row(
    world: &ApiWorld,
    name: &str,
    method: Method,
    path: &str,
    status: u16,
    body: Value,
) -> Value {
    let answer = world.ask(method, path).await;
    assert_eq!(answer.status.as_u16(), status, "{name}: {}", answer.text());
    let text = answer
        .headers
        .get("content-type")
        .is_some_and(|kind| kind.to_str().is_ok_and(|kind| kind.starts_with("text/plain")));
    let shown = if text {
        answer.text().into()
    } else {
        serde_json::from_slice(&answer.body).unwrap_or_default()
    };
    assert!(body.is_null() || shown == body, "{name}: {shown}");
    shown
}

#[tokio::test]
async fn every_row_of_builds() {
    let world = world().await;
    let get = async |name: &str, path: String, status: u16, body: Value| {
        row(&world, name, Method::GET, &path, status, body).await
    };
    get("GET /", "/".into(), 200, json!("weir version 1.2.3")).await;
    row(&world, "HEAD /", Method::HEAD, "/", 200, json!("")).await;
    get("GET /build", "/build".into(), 200, json!([REAPED, BUILD])).await;
    get("GET /build, paged when asked", "/build?limit=1".into(), 200, json!([REAPED])).await;
    let build = get("GET /build/{build}", format!("/build/{BUILD}"), 200, Value::Null).await;
    assert_eq!(
        (&build["buildId"], &build["bytesReal"], &build["prNumber"]),
        (&json!(BUILD), &json!(100), &json!("7"))
    );
    get("GET /build/{build}, upper case", format!("/build/{}", BUILD.to_uppercase()), 200, build)
        .await;
    get("GET /build/{build}, unknown", format!("/build/{NOBODY}"), 404, Value::Null).await;
    get("GET /build/{build}/disk-usage", format!("/build/{BUILD}/disk-usage"), 200, json!(100))
        .await;
    get(
        "GET /build/{build}/disk-usage, unknown",
        format!("/build/{NOBODY}/disk-usage"),
        404,
        Value::Null,
    )
    .await;
    get("GET /project", "/project".into(), 200, json!([PROJECT])).await;
    get(
        "GET /project/{project}/disk-usage",
        format!("/project/{PROJECT}/disk-usage"),
        200,
        json!(100),
    )
    .await;
    get(
        "GET /project/{project}/disk-usage, none",
        format!("/project/{NOBODY}/disk-usage"),
        200,
        json!(0),
    )
    .await;
    for path in [
        "/build/7",
        "/build/7/disk-usage",
        "/build/7/events",
        "/project/7/builds",
        "/project/7/disk-usage",
    ] {
        let problem = get("an id that is not a UUID", path.into(), 400, Value::Null).await;
        assert_eq!(problem["code"], "INVALID_ID", "{path}");
    }
    get(
        "GET /project/{project}/builds",
        format!("/project/{PROJECT}/builds"),
        200,
        json!([REAPED, BUILD]),
    )
    .await;
    let events =
        get("GET /build/{build}/events", format!("/build/{BUILD}/events"), 200, Value::Null).await;
    assert_eq!(
        (events.as_array().map(Vec::len), &events[0]["event_type"]),
        (Some(1), &json!("ready"))
    );
}

#[tokio::test]
async fn every_row_of_events() {
    let world = world().await;
    let bad = |offset: i64, value: &str| Record {
        topic: "readings".into(),
        offset,
        key: "speed".into(),
        value: value.into(),
        ..Record::default()
    };
    world.deliver([bad(10, "{"), bad(11, "{"), bad(12, "{"), bad(13, "{")]).await;
    let client = world.client().await;
    let put = async |offset: i64, value: Option<&str>| {
        let update = "UPDATE failures SET value = convert_to($2, 'UTF8') WHERE \"offset\" = $1";
        client.execute(update, &[&offset, &value]).await.expect("mended");
    };
    put(10, Some(r#"{"sensor":"speed","value":1,"timestamp":"2020-02-01T00:00:00Z"}"#)).await;
    put(11, None).await;
    let ask = async |name: &str, method: Method, path: &str, status: u16, body: Value| {
        row(&world, name, method, path, status, body).await
    };
    ask("GET /ping", Method::GET, "/ping", 200, json!("PONG")).await;
    let list =
        ask("GET /v1/events", Method::GET, "/v1/events?topic=readings", 200, Value::Null).await;
    assert_eq!(list.as_array().map(Vec::len), Some(6));
    ask("GET /v1/events/{id}", Method::GET, "/v1/events/readings-0-5", 200, list[0].clone()).await;
    ask("GET /v1/events/{id}, unknown", Method::GET, "/v1/events/readings-0-99", 404, Value::Null)
        .await;
    let acknowledged = |yes: bool| json!({"acknowledged": yes});
    ask(
        "POST /v1/events/{id}/retry",
        Method::POST,
        "/v1/events/readings-0-0/retry",
        200,
        acknowledged(true),
    )
    .await;
    world.deliver([Record { value: Field::Null, ..bad(20, "") }]).await;
    ask(
        "POST /v1/events/{id}/retry, skipped",
        Method::POST,
        "/v1/events/readings-0-20/retry",
        200,
        acknowledged(false),
    )
    .await;
    client
        .execute("UPDATE streams SET topic = 'elsewhere' WHERE topic = 'build_events'", &[])
        .await
        .expect("unbound");
    ask(
        "POST /v1/events/{id}/retry, no model",
        Method::POST,
        "/v1/events/elsewhere-0-0/retry",
        422,
        Value::Null,
    )
    .await;
    ask(
        "GET /v1/failures/count",
        Method::GET,
        "/v1/failures/count?topic=readings",
        200,
        json!({"count": 4}),
    )
    .await;
    let failures =
        ask("GET /v1/failures", Method::GET, "/v1/failures?limit=1", 200, Value::Null).await;
    let path = format!("/v1/failures/{}", failures[0]["id"].as_str().expect("an id"));
    ask("GET /v1/failures/{id}", Method::GET, &path, 200, failures[0].clone()).await;
    ask(
        "POST …/retry: ack",
        Method::POST,
        "/v1/failures/readings-0-10/retry",
        200,
        acknowledged(true),
    )
    .await;
    ask("… the event is stored", Method::GET, "/v1/events/readings-0-10", 200, Value::Null).await;
    ask("… and the failure is gone", Method::GET, "/v1/failures/readings-0-10", 404, Value::Null)
        .await;
    ask(
        "POST …/retry: skip",
        Method::POST,
        "/v1/failures/readings-0-11/retry",
        200,
        acknowledged(false),
    )
    .await;
    ask("… gone", Method::GET, "/v1/failures/readings-0-11", 404, Value::Null).await;
    ask(
        "POST …/retry: already stored",
        Method::POST,
        "/v1/failures/readings-0-10/retry",
        200,
        acknowledged(false),
    )
    .await;
    ask(
        "POST …/retry: error again",
        Method::POST,
        "/v1/failures/readings-0-12/retry",
        422,
        Value::Null,
    )
    .await;
    let again = ask(
        "… stays, one more attempt",
        Method::GET,
        "/v1/failures/readings-0-12",
        200,
        Value::Null,
    )
    .await;
    assert_eq!((&again["attempts"], &again["metadata"]["retry_count"]), (&json!(2), &json!(1)));
    let many = json!({"acknowledged": 0, "skipped": 0, "failed": 2, "remaining": 2});
    ask("POST /v1/failures/retry", Method::POST, "/v1/failures/retry?topic=readings", 200, many)
        .await;
    ask(
        "DELETE /v1/failures/{id}",
        Method::DELETE,
        "/v1/failures/readings-0-12",
        200,
        acknowledged(true),
    )
    .await;
    world.deliver([bad(12, "{")]).await;
    ask(
        "… a redelivery does not bring it back",
        Method::GET,
        "/v1/failures/readings-0-12",
        404,
        Value::Null,
    )
    .await;
}

#[tokio::test]
async fn every_row_of_readings() {
    let world = world().await;
    let get = async |name: &str, path: &str, body: Value| {
        row(&world, name, Method::GET, path, 200, body).await
    };
    let latest = json!({"speed": 10, "fuel": 50, "engineTemperature": 30, "revolutions": 1000});
    get("GET /api/statistics/latest", "/api/statistics/latest", latest).await;
    let place = json!({"latitude": 50, "longitude": 51, "timestamp": "2020-01-02T00:00:04.000Z"});
    get("GET /api/location/latest", "/api/location/latest", place).await;
    let day = get(
        "GET /api/statistics/sensor/{sensor}/date/{date}",
        "/api/statistics/sensor/speed/date/2020-01-02",
        Value::Null,
    )
    .await;
    assert_eq!(
        (day.as_array().map(Vec::len), &day[0]["value"], &day[1]["value"]),
        (Some(96), &json!(10), &json!(0))
    );
    get("… a day without readings", "/api/statistics/sensor/speed/date/2020-01-03", json!([]))
        .await;
    let hour = get(
        "… ?bucket, ?fill=none",
        "/api/statistics/sensor/speed/date/2020-01-02?bucket=1h&fill=none",
        Value::Null,
    )
    .await;
    assert_eq!(hour.as_array().map(Vec::len), Some(1));
    get(
        "GET /api/status",
        "/api/status",
        json!({"lastIngestTimestamp": "2020-01-02T00:00:04.000Z"}),
    )
    .await;
    let dumps = get("GET /dumps", "/dumps", Value::Null).await;
    let models: Vec<_> =
        dumps.as_array().into_iter().flatten().map(|m| m["model"].clone()).collect();
    assert_eq!(models, [json!("events"), json!("readings")]);
    let manifest = get("GET /dumps/{model}/{day}", "/dumps/readings/2026-01-02", Value::Null).await;
    let file = manifest["files"][0]["name"].as_str().expect("a file").to_owned();
    get(
        "GET /dumps/{model}/{day}/{file}",
        &format!("/dumps/readings/2026-01-02/{file}"),
        Value::Null,
    )
    .await;
    row(
        &world,
        "GET /dumps/{model}/{day}, not dumped",
        Method::GET,
        "/dumps/readings/2026-01-04",
        404,
        Value::Null,
    )
    .await;
    let empty = ApiWorld::new().await;
    row(
        &empty,
        "GET /api/status, empty",
        Method::GET,
        "/api/status",
        200,
        json!({"lastIngestTimestamp": null}),
    )
    .await;
    row(
        &empty,
        "GET /api/location/latest, none",
        Method::GET,
        "/api/location/latest",
        404,
        Value::Null,
    )
    .await;
    row(
        &empty,
        "GET /api/statistics/latest, none",
        Method::GET,
        "/api/statistics/latest",
        200,
        json!({}),
    )
    .await;
}
