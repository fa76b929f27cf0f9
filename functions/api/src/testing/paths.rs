//! A URL has the same answer through API Gateway as through `weir`.

use axum::http::Method;
use lambda_http::{Context, IntoResponse, LambdaEvent, request::LambdaRequest};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use weir_http::{BasePath, Function, prepared};
use weir_model::models;

use super::ApiWorld;
use crate::RouteTable;

const GATEWAY: &str = "abc.execute-api.eu-central-1.amazonaws.com";
const FUNCTION_URL: &str = "abc.lambda-url.eu-central-1.on.aws";

/// Returns the event of a request. An HTTP API decodes the path; the URL of a function does not.
fn event(url: &str, domain: &str) -> LambdaRequest {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let decoded = percent_decode_str(path).decode_utf8_lossy().into_owned();
    let path = if domain == GATEWAY { &decoded } else { path };
    let context = json!({"stage": "$default", "domainName": domain, "http": {"method": "GET", "path": path, "sourceIp": "203.0.113.7"}});
    let event = json!({"version": "2.0", "rawPath": path, "rawQueryString": query, "headers": {"host": "localhost"}, "requestContext": context});
    serde_json::from_value(event).expect("an event")
}

async fn through_lambda(function: &Function, url: &str, domain: &str) -> (u16, Value) {
    let event = prepared(LambdaEvent::new(event(url, domain), Context::default())).payload;
    let answer = function.handle(event.into()).await.expect("answered").into_response().await;
    (answer.status().as_u16(), serde_json::from_slice(answer.body().as_ref()).unwrap_or_default())
}

#[tokio::test]
async fn a_url_has_one_answer_both_ways() {
    let world = ApiWorld::new().await;
    world.sample_cdevents().await;
    let subject = "pkg:oci/app@sha256:a1?tag=v1/2#é 100%41+x";
    let sql = world.client().await;
    let rename = "UPDATE cdevents_subjects SET id = $1 WHERE (kind, id) = (SELECT kind, id FROM cdevents_subjects WHERE kind = 'service' LIMIT 1)";
    assert_eq!(sql.execute(rename, &[&subject]).await.expect("updated"), 1);
    let routes = RouteTable::new(&models::builtin()).expect("routes").paths();
    let function = Function::new(world.app(), BasePath::default(), routes);
    let id = "pkg%3Aoci%2Fapp%40sha256%3Aa1%3Ftag%3Dv1%2F2%23%C3%A9%20100%2541%2Bx";
    for (url, status) in [
        (format!("/v1/subjects/service/{id}"), 200),
        // The query is not lost: this route has no limit.
        (format!("/v1/subjects/service/{id}?limit=1"), 400),
        ("/v1/subjects/service/other%2Fid".to_owned(), 404),
        ("/v1/subjects/service?limit=1".to_owned(), 200),
        ("/v1/events/a%2Fb-0-0".to_owned(), 404),
        ("/v1/events/a%3Fb-0-0?limit=1".to_owned(), 404),
        ("/v1/events/a%23b-0-0".to_owned(), 404),
        ("/v1/events/a%252Fb-0-0".to_owned(), 404),
        ("/v1/events/a%25b-0-0".to_owned(), 404),
        ("/build/a%2Fb%20c".to_owned(), 400),
        ("/build/a%2Fb/events?limit=1".to_owned(), 400),
        ("/build/%2Fa".to_owned(), 400),
        ("/api/statistics/sensor/a%2Fb/date/2026-01-02".to_owned(), 400),
        ("/v1/readings?sensor=a%2Fb%3Fc%23d%25&limit=1".to_owned(), 200),
        ("/v1/nothing/a%2Fb".to_owned(), 404),
    ] {
        let direct = world.ask(Method::GET, &url).await;
        let direct =
            (direct.status.as_u16(), serde_json::from_slice(&direct.body).unwrap_or_default());
        for domain in [GATEWAY, FUNCTION_URL] {
            assert_eq!(through_lambda(&function, &url, domain).await, direct, "{url} at {domain}");
        }
        assert_eq!(direct.0, status, "{url}: {}", direct.1);
        if status == 200 && url.contains(id) {
            assert!(direct.1.to_string().contains("sha256"), "{url}: {}", direct.1);
        }
    }
}
