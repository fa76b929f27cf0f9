//! Tests of access to the function.

use serde_json::json;
use weir_http::Key;

use crate::{
    child::{ApiFunctionWorld, key},
    request::Request,
};

#[tokio::test]
async fn without_a_key_nothing_is_served() -> anyhow::Result<()> {
    let world = ApiFunctionWorld::new().await?;
    let function = world.start(world.locked())?;
    for (name, request) in [
        ("none", Request::get("/v1/events")),
        (
            "another",
            Request::get("/v1/events")
                .header("authorization", format!("Bearer {}", Key::new([8; 32]).reveal())),
        ),
    ] {
        for event in [request.http_api(), request.rest_api()] {
            let answer = function.invoke(event).await?;
            assert_eq!(
                (answer.status(), &answer.json()["code"]),
                (401, &"UNAUTHORIZED".into()),
                "{name}"
            );
            let challenges = answer.header("www-authenticate").unwrap_or_default();
            assert!(
                challenges.contains("Basic realm") && challenges.contains("Bearer realm"),
                "{challenges}"
            );
        }
    }
    let request =
        Request::get("/v1/events").header("authorization", format!("Bearer {}", key().reveal()));
    assert_eq!(function.ask(request.clone()).await?.json(), json!([]));
    assert_eq!(function.ask_rest(request.clone()).await?.json(), json!([]));
    let wrong = Request { method: "DELETE", url: "/v1/failures/readings-0-0".into(), ..request };
    assert_eq!(function.ask(wrong).await?.json()["code"], "FORBIDDEN");
    assert_eq!(function.get("/ping").await?.status(), 200);
    let line = function.said(|line| line["key"] == "ci").await?;
    assert_eq!(line["target"], "weir_api::access");
    assert!(!function.all_said().contains(&key().reveal()[5..]));
    Ok(())
}

#[tokio::test]
async fn when_api_gateway_asks_iam_no_key_is_asked_for() -> anyhow::Result<()> {
    let world = ApiFunctionWorld::new().await?;
    let function = world.start(world.open())?;
    assert_eq!(function.get("/v1/events").await?.json(), json!([]));
    let discard = Request { method: "DELETE", ..Request::get("/v1/failures/readings-0-0") };
    assert_eq!(function.ask(discard).await?.json()["code"], "NOT_FOUND");
    Ok(())
}
