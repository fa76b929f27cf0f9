//! Slow senders without an API key do not block other senders, and are disconnected.

use std::{
    convert::Infallible,
    net::SocketAddr,
    time::{Duration, Instant},
};

use axum::{
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::Request,
};
use futures_util::{StreamExt, stream};
use serde_json::json;
use tower::ServiceExt;
use weir_collect::CollectLimits;

use crate::world::{CollectWorld, Plan, keys, reading};

const SOURCES: &str =
    "[hub]\ntopic = \"orders\"\nsignature = \"github\"\nsecret = \"s\"\n[own]\ntopic = \"orders\"";

async fn world(limits: CollectLimits) -> CollectWorld {
    let access = keys(&[("boat", "write", 1)]).await;
    CollectWorld::of(Plan { access, limits, sources: SOURCES.to_owned(), ..Plan::default() }).await
}

/// Returns an endless body of one byte per 100 ms.
fn trickle() -> Body {
    let bytes = stream::repeat(()).then(|()| async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok::<_, Infallible>("x")
    });
    Body::from_stream(bytes)
}

/// Posts a webhook from an address. Returns status and detail.
async fn hook(world: &CollectWorld, from: &str, forwarded: &str, body: Body) -> (u16, String) {
    let from: SocketAddr = format!("{from}:1234").parse().expect("an address");
    let request = Request::post("/webhook/hub")
        .header("x-forwarded-for", forwarded)
        .extension(ConnectInfo(from))
        .body(body);
    let answer = world.app.clone().oneshot(request.expect("a request")).await.expect("never fails");
    let status = answer.status().as_u16();
    assert_eq!(status == 503, answer.headers().contains_key("retry-after"));
    let body = to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
    let problem: serde_json::Value = serde_json::from_slice(&body).expect("a problem");
    (status, problem["detail"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn slow_hooks_leave_the_others_their_places_and_are_ended() {
    let world = world(CollectLimits {
        collect_streams: 1,
        collect_unkeyed_streams: 2,
        ..CollectLimits::default()
    })
    .await;
    let begun = Instant::now();
    let slow = async {
        tokio::join!(
            hook(&world, "192.0.2.1", "", trickle()),
            hook(&world, "192.0.2.2", "", trickle())
        )
    };
    let others = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let (status, detail) = hook(&world, "192.0.2.3", "", Body::from("{}")).await;
        assert_eq!(
            (status, detail.as_str()),
            (503, "the server takes too many bodies without a key at once")
        );
        let key = format!("Bearer {}", weir_http::Key::new([1; 32]).reveal());
        let headers = [("content-type", "application/x-ndjson"), ("authorization", key.as_str())];
        world.post("/ingest", &headers, reading(1)).await.is(200, &json!({}));
        // A source without a signature needs a key, so it uses a slot for senders with a key.
        world.post("/webhook/own", &headers, "{}").await.is(202, &json!({"accepted": 1}));
    };
    let ((first, second), ()) = tokio::join!(slow, others);
    let slow = (408, "the body arrived more slowly than 10000 bytes per second".to_owned());
    assert_eq!((&first, &second), (&slow, &slow));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(hook(&world, "192.0.2.3", "", Body::from("{}")).await.0, 401, "there is room again");
}

#[tokio::test]
async fn no_address_gets_every_place_and_no_header_makes_another_of_it() {
    let one = CollectLimits { collect_address_streams: 1, ..CollectLimits::default() };
    let world_of_one = world(one.clone()).await;
    let others = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let (status, detail) =
            hook(&world_of_one, "192.0.2.1", "203.0.113.7", Body::from("{}")).await;
        assert_eq!((status, detail.as_str()), (503, "one address sends too many bodies at once"));
        assert_eq!(hook(&world_of_one, "192.0.2.2", "", Body::from("{}")).await.0, 401);
    };
    tokio::join!(hook(&world_of_one, "192.0.2.1", "", trickle()), others);

    let trusted_proxies = vec!["192.0.2.0/24".parse().expect("a network")];
    let behind = CollectLimits { proxies: weir_http::TrustedProxies { trusted_proxies }, ..one };
    let behind = world(behind).await;
    let others = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(hook(&behind, "192.0.2.1", "203.0.113.7", Body::from("{}")).await.0, 401);
        assert_eq!(
            hook(&behind, "192.0.2.1", "9.9.9.9, 203.0.113.9", Body::from("{}")).await.0,
            503
        );
    };
    tokio::join!(hook(&behind, "192.0.2.1", "203.0.113.9", trickle()), others);
}
