//! Tests of the limits of length, and of the route's name in an answer.

use axum::http::{Method, StatusCode};
use weir_http::Route;

use super::ApiWorld;

#[tokio::test]
async fn every_route_is_asked_and_the_problem_is_written_out() {
    let world = ApiWorld::without_database().with_response_bytes_max(1000);
    world
        .get("/openapi.json")
        .await
        .is_problem(StatusCode::PAYLOAD_TOO_LARGE, "RESPONSE_TOO_LARGE");
    assert_eq!(world.get("/ping").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_long_body_is_413() {
    let world = ApiWorld::new().await;
    let answer =
        world.ask_with(Method::POST, "/v1/failures/retry", &[("content-length", "65537")]).await;
    answer.is_problem(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE");
}

#[tokio::test]
async fn the_answer_names_the_route() {
    let world = ApiWorld::without_database();
    for (path, route) in [
        ("/ping", Some("/ping")),
        ("/ping/", Some("/ping")),
        ("/build/5a3b9c00-0000-4000-8000-000000000001?x=1", Some("/build/{build}")),
        ("/v1/builds?limit=none", Some("/v1/builds")),
        ("/docs/nothing", Some("/docs/{*file}")),
        ("/plugins/daily_totals?limit=none", Some("/plugins/daily_totals")),
        ("/nowhere", None),
        ("/plugins/daily_totals/nothing", None),
    ] {
        let answer = world.begin(path).await;
        assert_eq!(
            answer.extensions().get::<Route>().map(Route::as_str),
            route,
            "{path} {}",
            answer.status()
        );
    }
}
