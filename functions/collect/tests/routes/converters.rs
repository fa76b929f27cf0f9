//! Sources with `convert =`: messages of forges and registries become `CDEvents`.

use serde_json::{Value, json};
use weir_model::cdevents::convert::{Converter, Message};

use crate::{
    webhooks::{hex, mac},
    world::{Answer, CollectWorld, Plan},
};

const SOURCES: &str = r#"
[hub]
topic = "cdevents"
signature = "github"
secret = "s"
convert = "github"
keep-headers = ["X-GitHub-Delivery"]

[lab]
topic = "cdevents"
signature = "gitlab"
secret = "token"
convert = "gitlab"

[registry]
topic = "cdevents"
convert = "ecr"
"#;

pub(crate) async fn world() -> CollectWorld {
    CollectWorld::of(Plan { sources: SOURCES.to_owned(), ..Plan::default() }).await
}

/// Returns every recorded message of a converter with its kind. The kind is in the file's name:
/// `github_push_deleted` is a `push`.
fn recorded(converter: &str) -> Vec<(String, String)> {
    let folder =
        format!("{}/../../shared/model/src/cdevents/convert/recorded", env!("CARGO_MANIFEST_DIR"));
    let files =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut all: Vec<_> = files
        .filter_map(|path| {
            let name =
                path.file_stem()?.to_str()?.strip_prefix(converter)?.strip_prefix('_')?.to_owned();
            Some((name, std::fs::read_to_string(path).expect("a text")))
        })
        .collect();
    all.sort();
    all
}

/// Returns GitHub's event name for the recording with this name.
fn hub_event(name: &str) -> &'static str {
    const LONGEST_FIRST: [&str; 8] = [
        "pull_request_review",
        "pull_request",
        "workflow_run",
        "workflow_job",
        "deployment_status",
        "deployment",
        "release",
        "push",
    ];
    LONGEST_FIRST.into_iter().find(|event| name.starts_with(event)).expect("a known event")
}

pub(crate) async fn hub(world: &CollectWorld, event: &str, body: &str) -> Answer {
    let signed = format!("sha256={}", hex(&mac(b"s", body.as_bytes())));
    let headers = [
        ("x-hub-signature-256", signed.as_str()),
        ("x-github-event", event),
        ("x-github-delivery", "72d3162e"),
    ];
    world.post("/webhook/hub", &headers, body.to_owned()).await
}

/// Returns the records that the converter makes of a message, as expected in Kafka: key and value.
fn wanted(converter: Converter, event: Option<&str>, body: &str) -> Vec<(Option<String>, String)> {
    let events = converter.convert(Message { event, body }).expect("it converts");
    let key = |event: &Value| event["subject"]["id"].as_str().map(str::to_owned);
    events.iter().map(|event| (key(event), event.to_string())).collect()
}

fn stored(world: &CollectWorld) -> Vec<(Option<String>, String)> {
    world.stored("cdevents").into_iter().map(|one| (one.key, one.value)).collect()
}

#[tokio::test]
async fn every_message_of_github_is_verified_as_it_came_and_stored_as_it_was_converted() {
    let world = world().await;
    let (mut all, messages) = (Vec::new(), recorded("github"));
    assert_eq!(messages.len(), 12);
    for (name, body) in &messages {
        let events = wanted(Converter::Github, Some(hub_event(name)), body);
        hub(&world, hub_event(name), body).await.is(202, &json!({"accepted": events.len()}));
        all.extend(events);
    }
    assert_eq!(stored(&world), all);
    assert!(all.len() > messages.len(), "a deployment's status is two events");
    let kept = |one: &crate::broker::Stored| {
        one.headers.len() == 1 && one.headers["x-github-delivery"] == "72d3162e"
    };
    assert!(world.stored("cdevents").iter().all(kept));

    // An added line break makes the signature invalid, although the events would be the same.
    let (_, body) = &messages[0];
    let signed = format!("sha256={}", hex(&mac(b"s", body.as_bytes())));
    let headers = [("x-hub-signature-256", signed.as_str()), ("x-github-event", "deployment")];
    world
        .post("/webhook/hub", &headers, format!("{body}\n"))
        .await
        .is_problem(401, "INVALID_SIGNATURE");
    let converted = &all[0].1;
    let signed = format!("sha256={}", hex(&mac(b"s", converted.as_bytes())));
    world
        .post("/webhook/hub", &[("x-hub-signature-256", &signed)], body.clone())
        .await
        .is_problem(401, "INVALID_SIGNATURE");
    assert_eq!(stored(&world).len(), all.len());
}

#[tokio::test]
async fn every_message_of_gitlab_and_ecr_is_stored_as_it_was_converted() {
    let world = world().await;
    let mut all = Vec::new();
    for (path, converter, name, count) in [
        ("/webhook/lab", Converter::Gitlab, "gitlab", 8),
        ("/webhook/registry", Converter::Ecr, "ecr", 2),
    ] {
        let messages = recorded(name);
        assert_eq!(messages.len(), count);
        for (_, body) in messages {
            let events = wanted(converter, None, &body);
            world
                .post(path, &[("x-gitlab-token", "token")], body)
                .await
                .is(202, &json!({"accepted": events.len()}));
            all.extend(events);
        }
    }
    assert_eq!(stored(&world), all);
}

#[tokio::test]
async fn what_makes_no_event_is_accepted_and_what_cannot_be_converted_is_refused() {
    let world = world().await;
    hub(&world, "ping", r#"{"zen":"Keep it logically awesome."}"#)
        .await
        .is(202, &json!({"accepted": 0}));
    let unclear = hub(&world, "push", "{}").await.is_problem(400, "INVALID_EVENT");
    assert_eq!(unclear["detail"], "the message has no repository.full_name");
    world
        .post("/webhook/registry", &[], r#"{"detail-type":"Other"}"#)
        .await
        .is(202, &json!({"accepted": 0}));
    world.post("/webhook/registry", &[], "{}").await.is_problem(400, "INVALID_EVENT");
    world.post("/webhook/registry", &[], "{").await.is_problem(400, "MALFORMED_JSON");
    // Without this header the event's kind is unknown.
    let signed = format!("sha256={}", hex(&mac(b"s", b"{}")));
    world
        .post("/webhook/hub", &[("x-hub-signature-256", &signed)], "{}")
        .await
        .is_problem(400, "INVALID_EVENT");
    assert!(stored(&world).is_empty());
}
