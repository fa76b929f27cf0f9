//! `POST /webhook/{id}`.

use std::fmt::Write;

use base64_simd::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use weir_collect::CollectLimits;

use crate::world::{CollectWorld, Plan};

const SOURCES: &str = r#"
[github]
topic = "orders"
key = "/repository/id"
signature = "github"
secret = """
It's a Secret to Everybody
another one
"""
keep-headers = ["X-GitHub-Event", "X-GitHub-Delivery"]
rules = [
    { header = "X-GitHub-Event", matches = "push|ping" },
    { header = "X-GitHub-Hook-ID", exists = true },
    { header = "X-Forwarded-Host", exists = false },
]

[gitlab]
topic = "orders"
signature = "gitlab"
secret = "a token"

[standard]
topic = "readings"
signature = "standard-webhooks"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

[own]
topic = "orders"
signature = { header = "X-Signature", encoding = "base64" }
secret = "own"
"#;

async fn world() -> CollectWorld {
    let limits = CollectLimits { collect_idle_timeout: 1, ..CollectLimits::default() };
    CollectWorld::of(Plan { sources: SOURCES.to_owned(), limits, ..Plan::default() }).await
}

pub(crate) fn mac(key: &[u8], signed: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("it works");
    mac.update(signed);
    mac.finalize().into_bytes().to_vec()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("it works").as_secs()
}

const PUSH: &str = r#"{"ref":"refs/heads/main","repository":{"id":17}}"#;

#[tokio::test]
async fn as_github_sends_it() {
    let world = world().await;
    let signed = format!("sha256={}", hex(&mac(b"It's a Secret to Everybody", PUSH.as_bytes())));
    let all = [
        ("content-type", "application/json"),
        ("x-github-event", "push"),
        ("x-github-hook-id", "1"),
        ("x-github-delivery", "72d3162e"),
        ("authorization", "Bearer not for Kafka"),
        ("x-hub-signature-256", signed.as_str()),
    ];
    world.post("/webhook/github", &all, PUSH).await.is(202, &json!({"accepted": 1}));
    let stored = world.stored("orders");
    assert_eq!((stored[0].key.as_deref(), stored[0].value.as_str()), (Some("17"), PUSH));
    let kept = [("x-github-delivery", "72d3162e"), ("x-github-event", "push")];
    assert_eq!(
        stored[0].headers,
        kept.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    );

    // During a rotation both secrets are valid.
    let other = format!("sha256={}", hex(&mac(b"another one", PUSH.as_bytes())));
    let rotated: Vec<_> =
        all[..5].iter().copied().chain([("x-hub-signature-256", other.as_str())]).collect();
    assert_eq!(world.post("/webhook/github", &rotated, PUSH).await.status, 202);

    for without in 0..3 {
        let rest: Vec<_> = all
            .iter()
            .enumerate()
            .filter(|(n, _)| *n != [5, 1, 2][without])
            .map(|(_, header)| *header)
            .collect();
        let answer = world.post("/webhook/github", &rest, PUSH).await;
        if without == 0 {
            answer.is_problem(401, "INVALID_SIGNATURE");
            assert!(answer.headers.contains_key("www-authenticate"));
        } else {
            answer.is_problem(403, "RULE_BROKEN");
        }
    }
    world
        .post("/webhook/github", &all, PUSH.replace("main", "mian"))
        .await
        .is_problem(401, "INVALID_SIGNATURE");
    let forwarded: Vec<_> = all.iter().copied().chain([("x-forwarded-host", "x")]).collect();
    world.post("/webhook/github", &forwarded, PUSH).await.is_problem(403, "RULE_BROKEN");
    assert_eq!(world.values("orders").len(), 2);
}

#[tokio::test]
async fn as_gitlab_sends_it() {
    let world = world().await;
    world
        .post(
            "/webhook/gitlab",
            &[("x-gitlab-token", "a token"), ("x-gitlab-event", "Push Hook")],
            PUSH,
        )
        .await
        .is(202, &json!({"accepted": 1}));
    world
        .post("/webhook/gitlab", &[("x-gitlab-token", "another")], PUSH)
        .await
        .is_problem(401, "INVALID_SIGNATURE");
    let at = now().to_string();
    let signed = format!(
        "v1,{}",
        STANDARD.encode_to_string(mac(b"a token", format!("id-1.{at}.{PUSH}").as_bytes()))
    );
    let headers = [
        ("webhook-id", "id-1"),
        ("webhook-timestamp", at.as_str()),
        ("webhook-signature", signed.as_str()),
    ];
    assert_eq!(world.post("/webhook/gitlab", &headers, PUSH).await.status, 202);
    assert!(world.stored("orders").iter().all(|one| one.headers.is_empty()));
}

#[tokio::test]
async fn standard_webhooks_have_a_time() {
    let world = world().await;
    let key = STANDARD.decode_to_vec("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let body = r#"{"sensor":"speed","value":1,"timestamp":"2026-01-01T00:00:00Z"}"#;
    for (at, status) in [(now(), 202), (now() - 250, 202), (now() - 400, 401), (now() + 400, 401)] {
        let at = at.to_string();
        let signed = format!(
            "v1,{}",
            STANDARD.encode_to_string(mac(&key, format!("msg_1.{at}.{body}").as_bytes()))
        );
        let headers = [
            ("webhook-id", "msg_1"),
            ("webhook-timestamp", at.as_str()),
            ("webhook-signature", signed.as_str()),
        ];
        assert_eq!(world.post("/webhook/standard", &headers, body).await.status, status, "{at}");
    }
    assert_eq!(world.stored("readings")[0].key.as_deref(), Some("speed"));
}

async fn own(world: &CollectWorld, body: &str) -> crate::world::Answer {
    let signed = STANDARD.encode_to_string(mac(b"own", body.as_bytes()));
    world.post("/webhook/own", &[("x-signature", &signed)], body.to_owned()).await
}

#[tokio::test]
async fn an_invalid_event_is_refused() {
    let world = world().await;
    own(&world, "{}").await.is(202, &json!({"accepted": 1}));
    for body in ["", "{", "payload=%7B%7D", "\u{0}"] {
        own(&world, body).await.is_problem(400, "MALFORMED_JSON");
    }
    own(&world, &format!("\"{}\"", "x".repeat(4 * 1024 * 1024)))
        .await
        .is_problem(413, "BODY_TOO_LARGE");
    world.post("/webhook/nobody", &[], "{}").await.is_problem(404, "NOT_FOUND");
    let silent = axum::body::Body::from_stream(futures_util::stream::pending::<
        Result<axum::body::Bytes, std::io::Error>,
    >());
    world.post("/webhook/own", &[], silent).await.is_problem(408, "REQUEST_TIMEOUT");
    assert_eq!(world.values("orders"), ["{}"]);
}

#[tokio::test]
async fn the_topics_model_has_its_say() {
    let sources = "[boat]\ntopic = \"readings\"".to_owned();
    let world = CollectWorld::of(Plan { sources, ..Plan::default() }).await;
    world.post("/webhook/boat", &[], r#"{"sensor":1}"#).await.is_problem(400, "INVALID_EVENT");
    assert!(world.values("readings").is_empty());
}
