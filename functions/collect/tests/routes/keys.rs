//! API keys of senders.

use serde_json::json;
use weir_http::Key;

use crate::world::{CollectWorld, Plan, keys, reading};

const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");

fn bearer(n: u8) -> String {
    format!("Bearer {}", Key::new([n; 32]).reveal())
}

fn basic(n: u8, password: &str) -> String {
    format!(
        "Basic {}",
        base64_simd::STANDARD
            .encode_to_string(format!("{}:{password}", Key::new([n; 32]).reveal()))
    )
}

async fn world() -> CollectWorld {
    let access = keys(&[
        ("reader", "read", 1),
        ("boat", "write", 2),
        ("new_boat", "write", 3),
        ("root", "admin", 4),
    ])
    .await;
    let sources = "[open]\ntopic = \"orders\"\n[signed]\ntopic = \"orders\"\nsecret = \"s\"\nsignature = \"github\"".to_owned();
    CollectWorld::of(Plan { access, sources, ..Plan::default() }).await
}

const PATHS: [&str; 6] = [
    "/ingest",
    "/ingest/readings",
    "/ingest/upload?topic=readings",
    "/events/readings",
    "/cdevents",
    "/webhook/open",
];

#[tokio::test]
async fn none_or_a_wrong_one_is_challenged() {
    let world = world().await;
    for path in PATHS {
        for shown in [
            None,
            Some(bearer(9)),
            Some(basic(9, "x")),
            Some("Basic x".to_owned()),
            Some(String::new()),
        ] {
            let headers: Vec<(&str, &str)> = [NDJSON]
                .into_iter()
                .chain(shown.iter().map(|shown| ("authorization", shown.as_str())))
                .collect();
            let answer = world.post(path, &headers, reading(1)).await;
            answer.is_problem(401, "UNAUTHORIZED");
            let challenges: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
            assert_eq!(
                challenges,
                [r#"Basic realm="weir", charset="UTF-8""#, r#"Bearer realm="weir""#],
                "{path} {shown:?}"
            );
        }
    }
    let (good, other) = (bearer(2), bearer(3));
    let answer = world
        .post("/ingest", &[NDJSON, ("authorization", &good), ("authorization", &other)], reading(1))
        .await;
    answer.is_problem(401, "UNAUTHORIZED");
    assert!(world.values("readings").is_empty());
}

#[tokio::test]
async fn a_key_for_reading_may_not_write() {
    let world = world().await;
    for path in PATHS {
        world
            .post(path, &[NDJSON, ("authorization", &bearer(1))], reading(1))
            .await
            .is_problem(403, "FORBIDDEN");
    }
}

#[tokio::test]
async fn several_keys_are_good_at_once_in_any_way_that_they_may_be_shown() {
    let world = world().await;
    for shown in [bearer(2), bearer(3), bearer(4), basic(2, ""), basic(3, "ignored:too")] {
        world
            .post("/ingest", &[NDJSON, ("authorization", &shown)], reading(1))
            .await
            .is(200, &json!({}));
    }
    assert_eq!(world.values("readings").len(), 5);
    let upload =
        world.post("/ingest/upload?topic=readings", &[("authorization", &bearer(2))], "").await;
    assert_eq!(upload.status, 200);
}

#[tokio::test]
async fn a_signed_source_needs_its_signature_and_no_key() {
    let world = world().await;
    let body = json!({"id": 1}).to_string();
    world
        .post("/webhook/signed", &[("authorization", &bearer(4))], body.clone())
        .await
        .is_problem(401, "INVALID_SIGNATURE");
    world
        .post("/webhook/open", &[("authorization", &bearer(2))], body)
        .await
        .is(202, &json!({"accepted": 1}));
}
