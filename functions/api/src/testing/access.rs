//! Tests of access to every route: with keys, and from loopback without keys.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{Method, StatusCode},
};
use base64_simd::STANDARD;
use tower::ServiceExt;
use weir_http::{Access, HttpLimits, Key, ReadConnection};
use weir_plugin::{ApiPlugin, Plugin, PluginsConfig};
use weir_store::Store;

use super::{Answer, ApiWorld, Nothing, keys, writer};
use crate::{ApiState, router};

const READER: u8 = 1;
const WRITER: u8 = 2;
const ADMIN: u8 = 3;
const STRANGER: u8 = 9;

fn key(n: u8) -> String {
    Key::new([n; 32]).reveal().to_owned()
}

fn bearer(n: u8) -> String {
    format!("Bearer {}", key(n))
}

fn basic(text: impl AsRef<[u8]>) -> String {
    format!("Basic {}", STANDARD.encode_to_string(text.as_ref()))
}

async fn access() -> Access {
    keys(&[("reader", "read", READER), ("writer", "write", WRITER), ("root", "admin", ADMIN)]).await
}

async fn ask(world: &ApiWorld, path: &str, authorization: &[&str]) -> Answer {
    let headers: Vec<_> = authorization.iter().map(|value| ("authorization", *value)).collect();
    world.ask_with(Method::GET, path, &headers).await
}

fn assert_challenged(answer: &Answer) {
    answer.is_problem(StatusCode::UNAUTHORIZED, "UNAUTHORIZED");
    let challenges: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
    assert_eq!(challenges, [r#"Basic realm="weir", charset="UTF-8""#, r#"Bearer realm="weir""#]);
}

#[tokio::test]
async fn a_key_is_shown_as_bearer_or_as_the_user_name_of_basic() {
    let world = ApiWorld::new().await.with_access(access().await);
    let good = [
        bearer(READER),
        bearer(ADMIN),
        format!("bEARER   {}", key(READER)),
        basic(key(READER) + ":"),
        basic(key(READER) + ":any:thing"),
        basic([key(READER).as_bytes(), ":\u{e4}".as_bytes()].concat()),
        basic(key(READER) + ":x").replace("Basic", "basic"),
    ];
    for shown in &good {
        assert_eq!(ask(&world, "/build", &[shown]).await.status, StatusCode::OK, "{shown}");
    }
}

#[tokio::test]
async fn every_route_asks_but_those_that_say_nothing() {
    let world = ApiWorld::new().await.with_access(access().await);
    for path in [
        "/build",
        "/build/",
        "/build/5a3b9c00-0000-4000-8000-000000000001",
        "/v1/events",
        "/v1/failures",
        "/plugins/daily_totals",
        "/plugins/daily_totals/",
    ] {
        assert_challenged(&ask(&world, path, &[]).await);
        let with_key = ask(&world, path, &[&bearer(READER)]).await;
        assert!(
            matches!(with_key.status, StatusCode::OK | StatusCode::NOT_FOUND),
            "{path} {}",
            with_key.status
        );
        for method in [Method::HEAD, Method::POST] {
            assert_eq!(world.ask(method, path).await.status, StatusCode::UNAUTHORIZED, "{path}");
        }
    }
    for path in ["/", "/ping", "/livez", "/readyz", "/healthz"] {
        assert_eq!(ask(&world, path, &[]).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(ask(&world, "/nowhere", &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(ask(&world, "/v1/events", &[]).await.json()["error"], true);
}

/// A plugin that answers every request.
struct Eager;

impl ApiPlugin for Eager {
    fn name(&self) -> &'static str {
        "eager"
    }
    fn routes(&self, _: Store) -> Router {
        Router::new().fallback(async || "all that I know")
    }
}

#[tokio::test]
async fn a_plugin_has_no_way_around_it() {
    let store = ApiWorld::without_database().store();
    let writer = writer(store.clone(), "weir");
    let state = ApiState::new(
        writer,
        ReadConnection::new(store),
        access().await,
        HttpLimits::default(),
        Arc::new(Nothing),
        "1",
    );
    let on = PluginsConfig { plugins: vec!["eager".into()], ..PluginsConfig::default() };
    let plugins =
        weir_plugin::builtin().with(Plugin::new("eager").api(Eager)).switched_on(&on).unwrap();
    for (path, shown) in
        [("/plugins/eager", READER), ("/plugins/eager/x/y", READER), ("/plugins/eager/x", STRANGER)]
    {
        let request =
            Request::get(path).header("authorization", bearer(shown)).body(Body::empty()).unwrap();
        let status =
            router(state.clone(), &plugins).unwrap().oneshot(request).await.unwrap().status();
        assert_eq!(status == StatusCode::OK, shown == READER, "{path} {status}");
    }
}

#[tokio::test]
async fn an_unknown_key_is_refused() {
    let world = ApiWorld::without_database().with_access(access().await);
    let good = bearer(READER);
    let padded = basic(key(READER) + ":x");
    let unpadded = padded.strip_suffix('=').unwrap();
    let cases: &[&[&str]] = &[
        &[&bearer(STRANGER)],
        &[&good, &good],
        &[&good, &bearer(STRANGER)],
        &[&key(READER)],
        &[&format!("Bearer{}", key(READER))],
        &[&format!("Bearer\t{}", key(READER))],
        &[&format!("{good},")],
        &[&format!("{good} x")],
        &[&format!("{good}, {good}")],
        &[&format!("Bearer {good}")],
        &[&format!("Bearer \"{}\"", key(READER))],
        &[&format!("Bearer {}", key(READER).to_lowercase())],
        &[&format!("Token {}", key(READER))],
        &[&good.replace("Bearer", "Basic")],
        &["Bearer", ""],
        &["Bearer "],
        &[""],
        &["Basic"],
        &["Basic ="],
        &[&basic(key(READER))],
        &[&basic(key(STRANGER) + ":")],
        &[&basic(format!("user:{}", key(READER)))],
        &[&basic(format!("{} :", key(READER)))],
        &[&basic([key(READER).as_bytes(), b":\xff"].concat())],
        &[unpadded],
        &["Bearer weir_\u{e4}"],
    ];
    for shown in cases {
        let answer = ask(&world, "/build", shown).await;
        assert_challenged(&answer);
        assert!(!answer.text().contains("weir_"), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_key_without_the_scope_is_told_which_is_needed() {
    let world = ApiWorld::without_database().with_access(access().await);
    let answer = ask(&world, "/build", &[&bearer(WRITER)]).await;
    answer.is_problem(StatusCode::FORBIDDEN, "FORBIDDEN");
    assert_eq!(
        answer.json()["detail"],
        "this request needs the scope read, but the key writer has write"
    );
    assert!(!answer.headers.contains_key("www-authenticate"));
}

#[tokio::test]
async fn a_page_of_another_site_is_refused() {
    let world = ApiWorld::new().await;
    for headers in [
        [("host", "rebound.example.org")].as_slice(),
        &[("host", "localhost:3000"), ("origin", "https://example.org")],
        &[("host", "localhost:3000"), ("origin", "null")],
    ] {
        for (method, path) in [(Method::POST, "/v1/failures/retry"), (Method::GET, "/v1/events")] {
            world
                .ask_with(method, path, headers)
                .await
                .is_problem(StatusCode::FORBIDDEN, "FORBIDDEN");
        }
    }
    let own = [("host", "localhost:3000"), ("origin", "http://localhost:3000")];
    assert_eq!(
        world.ask_with(Method::POST, "/v1/failures/retry", &own).await.status,
        StatusCode::OK
    );
}
