//! Tests of the request's id and of its line in the log.

use serde_json::Value;

use axum::http::Method;
use weir_http::Key;
use weir_testkit::logged;

use super::{ApiWorld, keys};

#[tokio::test]
async fn the_clients_id_comes_back_and_others_get_one() {
    let world = ApiWorld::new().await;
    let answer = world.ask_with(Method::GET, "/ping", &[("x-request-id", "abc-1")]).await;
    assert_eq!(answer.headers["x-request-id"], "abc-1");
    let long = "x".repeat(129);
    let odd = [("x-request-id", long.as_str()), ("x-request-id", "a b"), ("x-request-id", "")];
    let mut ids = vec![world.get("/nowhere").await.headers["x-request-id"].clone()];
    for header in odd {
        ids.push(
            world.ask_with(Method::GET, "/ping", &[header]).await.headers["x-request-id"].clone(),
        );
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

fn requests(log: &[Value]) -> Vec<&Value> {
    log.iter().filter(|line| line["target"] == "weir_api::access").collect()
}

#[tokio::test]
async fn one_line_a_request_without_its_query() {
    let world = ApiWorld::new().await;
    let log = logged(async {
        world.ask_with(Method::GET, "/ping/?api_key=secret", &[("x-request-id", "r-7")]).await;
        world.get("/build?limit=none").await;
    })
    .await;
    assert!(!log.iter().any(|line| line.to_string().contains("secret")), "{log:?}");
    let lines = requests(&log);
    assert_eq!(lines.len(), 2, "{log:?}");
    let fields = &lines[0]["fields"];
    assert_eq!((&fields["method"], &fields["path"]), (&"GET".into(), &"/ping/".into()));
    assert_eq!((&fields["status"], &fields["bytes"]), (&200.into(), &4.into()));
    assert!(fields["ms"].is_u64());
    assert_eq!(lines[0]["span"]["id"], "r-7");
    assert_eq!(lines[1]["fields"]["status"], 400);
    assert!(lines.iter().all(|line| line["fields"].get("key").is_none()), "{log:?}");
}

#[tokio::test]
async fn the_line_names_the_key_and_does_not_show_it() {
    let world = ApiWorld::without_database()
        .with_access(keys(&[("ci", "read", 1), ("shop", "write", 2)]).await);
    let shown: Vec<String> = (1..=3).map(|n| Key::new([n; 32]).reveal().to_owned()).collect();
    let log = logged(async {
        for key in &shown {
            world
                .ask_with(
                    Method::GET,
                    "/build?limit=none",
                    &[("authorization", &format!("Bearer {key}"))],
                )
                .await;
        }
        world
            .ask_with(Method::GET, "/ping", &[("authorization", &format!("Bearer {}", shown[0]))])
            .await;
    })
    .await;
    assert!(
        !log.iter().any(|line| shown.iter().any(|key| line.to_string().contains(&key[5..]))),
        "{log:?}"
    );
    let fields = |name: &str| {
        requests(&log).iter().map(|line| line["fields"][name].clone()).collect::<Vec<_>>()
    };
    assert_eq!(fields("status"), [400, 403, 401, 200]);
    assert_eq!(fields("key"), ["ci".into(), "shop".into(), Value::Null, Value::Null]);
}
