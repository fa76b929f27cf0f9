//! Tests whether an event is stored, stored with findings, or rejected with the reason.

use serde_json::{Value, json};
use weir_model::{
    Micros, Model, Outcome, ProjectionKind, Record,
    cdevents::{CdEvents, IDENTITY_REUSED, read},
    models,
    record::Headers,
};

use crate::support::{decode, known};

const EXAMPLES: &str = include_str!("../data/cdevents-0.5.1.ndjson");
/// 2026-01-02T03:04:05.678Z
const MILLIS: i64 = 1_767_323_045_678;

fn record(value: &str) -> Record<'_> {
    let (topic, value) = ("deliveries", Some(value.as_bytes()));
    Record {
        topic,
        partition: 0,
        offset: 0,
        timestamp_ms: MILLIS,
        key: None,
        value,
        headers: Headers::default(),
        arrived_at: None,
        schema: None,
        bad_base64: None,
        checksum: 0,
    }
}

/// Returns the findings of a value that is stored, or the reason of its rejection.
fn problems(value: &str) -> Result<Option<String>, String> {
    read(&record(value), value)
        .map(|event| event.problems.map(String::from))
        .map_err(|rejection| rejection.message)
}

fn example(kind: &str) -> Value {
    let line = EXAMPLES
        .lines()
        .find(|line| line.contains(&format!("\"dev.cdevents.{kind}.")))
        .unwrap_or_else(|| panic!("no {kind}"));
    serde_json::from_str(line).expect("JSON")
}

#[test]
fn every_example_is_without_fault() {
    let mut kinds = Vec::new();
    for line in EXAMPLES.lines() {
        assert_eq!(problems(line), Ok(None), "{line}");
        let event = read(&record(line), line).expect("an event");
        let json: Value = serde_json::from_str(line).expect("JSON");
        let at = |pointer: &str| json.pointer(pointer).and_then(Value::as_str);
        assert_eq!(Some(event.id.as_ref()), at("/context/id"));
        assert_eq!(Some(event.source.as_ref()), at("/context/source"));
        assert_eq!(Some(event.kind.as_ref()), at("/context/type"));
        assert_eq!(Some(event.timestamp), at("/context/timestamp").and_then(Micros::from_rfc3339));
        assert_eq!(Some(event.subject_id.as_ref()), at("/subject/id"));
        assert_eq!(event.subject_source.as_deref(), at("/subject/source"));
        assert_eq!(event.chain_id.as_deref(), at("/context/chainId"));
        assert_eq!(event.outcome.as_deref(), at("/subject/content/outcome"));
        assert_eq!(
            format!("dev.cdevents.{}.{}.{}", event.subject, event.predicate, event.version),
            event.kind
        );
        assert_eq!(event.payload, line);
        kinds.push(event.kind.into_owned());
    }
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds.len(), 45);
}

#[test]
fn edges_are_what_the_content_and_the_links_say() {
    let oci =
        "pkg:oci/myapp@sha256%3A0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427";
    let golang = "pkg:golang/mygit.com/myorg/myapp@234fd47e07d1004f0aed9c";
    for (kind, expected) in [
        (
            "service.deployed",
            vec![
                ("deployedWith", oci),
                ("derivedFrom", "pkg:oci/myapp"),
                ("deployedTo", "test123"),
            ],
        ),
        ("build.finished", vec![("produced", oci), ("derivedFrom", "pkg:oci/myapp")]),
        ("artifact.published", vec![("derivedFrom", "pkg:golang/mygit.com/myorg/myapp")]),
        (
            "incident.detected",
            vec![
                ("deployedWith", oci),
                ("derivedFrom", "pkg:oci/myapp"),
                ("deployedTo", "prod1"),
                ("affects", "myApp"),
            ],
        ),
        ("taskrun.started", vec![("partOf", "mySubject123")]),
        (
            "testcaserun.skipped",
            vec![("runsIn", "dev"), ("partOf", "test-suite-111"), ("instanceOf", "92834723894")],
        ),
        ("testsuiterun.finished", vec![("runsIn", "dev"), ("instanceOf", "92834723894")]),
        ("repository.created", vec![]),
    ] {
        let text = example(kind).to_string();
        let event = read(&record(&text), &text).expect("an event");
        let mut edges: Vec<(&str, &str)> = event
            .edges
            .iter()
            .filter(|e| e.from_kind != "event")
            .map(|e| (e.relation.as_ref(), e.to_id.as_ref()))
            .collect();
        let mut expected = expected;
        edges.sort_unstable();
        expected.sort_unstable();
        assert_eq!(edges, expected, "{kind}");
        assert!(
            event.edges.iter().all(|e| [golang, oci, event.subject_id.as_ref(), event.id.as_ref()]
                .contains(&e.from_id.as_ref())),
            "{kind}"
        );
        let links: Vec<(&str, &str)> = event
            .edges
            .iter()
            .filter(|e| e.from_kind == "event")
            .map(|e| (e.relation.as_ref(), e.to_id.as_ref()))
            .collect();
        let other = "5328c37f-bb7e-4bb7-84ea-9f5f85e4a7ce";
        assert_eq!(links, [("trigger", other), ("follows", other)], "{kind}");
    }
}

/// Events of other versions and with custom types are accepted.
#[test]
fn other_versions_are_accepted() {
    let old = |version: &str, kind: &str, content: Value| {
        json!({"context": {"version": version, "id": "1", "source": "/x", "type": format!("dev.cdevents.{kind}"), "timestamp": "2024-01-01T00:00:00Z"},
            "subject": {"id": "s", "source": "/x", "type": kind.split('.').next(), "content": content}})
    };
    let new = |kind: &str, content: Value| {
        json!({"context": {"specversion": "0.6.0-draft", "id": "1", "source": "/x", "type": kind, "timestamp": "2026-01-01T00:00:00Z"},
            "subject": {"id": "s", "content": content}})
    };
    let environment = json!({"environment": {"id": "e"}, "artifactId": "pkg:oci/a@1"});
    for event in [
        old("0.3.0", "service.deployed.0.1.1", environment.clone()),
        old("0.4.1", "service.deployed.0.2.0", environment.clone()),
        old(
            "0.4.0",
            "pipelinerun.finished.0.2.0",
            json!({"outcome": "success", "url": "https://x.example"}),
        ),
        new("dev.cdevents.service.deployed.0.3.0-draft", environment),
        new("dev.cdevents.build.queued.0.3.0", json!({})),
        new("dev.cdeventsx.harbour-boat.launched.1.0.0", json!({"anything": [1, {"goes": null}]})),
        new("dev.cdeventsx.harbour-boat.launched.1.0.0-draft", json!({})),
    ] {
        assert_eq!(problems(&event.to_string()), Ok(None), "{event}");
    }
    let approval = new("dev.cdevents.approval.created.0.1.0-draft", json!({}));
    assert!(problems(&approval.to_string()).is_ok(), "{approval}");
}

/// The expected result of a change to a valid event.
enum Then {
    Fine,
    Problem(&'static str),
    Refused(&'static str),
}

use Then::{Fine, Problem, Refused};

#[test]
fn each_fault_is_named_and_nothing_is_lost() {
    let mut wrong = Vec::new();
    for (pointer, value, then) in faults() {
        let mut event = example("service.deployed");
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        let parent = event.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object");
        match &value {
            Some(value) => drop(parent.insert(name.to_owned(), value.clone())),
            None => drop(parent.remove(name)),
        }
        let right = match (problems(&event.to_string()), &then) {
            (Ok(None), Fine) => true,
            (Ok(Some(found)), Problem(wanted)) | (Err(found), Refused(wanted)) => {
                found.contains(wanted) && found.len() < 1_000
            }
            _ => false,
        };
        if !right {
            wrong.push(format!("{pointer} = {value:?}: {:?}", problems(&event.to_string())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn faults() -> Vec<(&'static str, Option<Value>, Then)> {
    let long = Some(json!("x".repeat(2_600)));
    vec![
        // Each required member is missing.
        ("/context", None, Refused("context is missing")),
        ("/subject", None, Refused("subject is missing")),
        ("/context/type", None, Refused("context.type is missing")),
        ("/subject/id", None, Refused("subject.id is missing")),
        ("/context/specversion", None, Problem("context.specversion is missing")),
        ("/context/id", None, Problem("context.id is missing")),
        ("/context/source", None, Problem("context.source is missing")),
        ("/context/timestamp", None, Problem("context.timestamp is missing")),
        ("/subject/content", None, Problem("subject.content is missing")),
        ("/subject/content/environment", None, Problem("missing field `environment`")),
        ("/subject/content/artifactId", None, Problem("missing field `artifactId`")),
        ("/subject/content/environment/id", None, Problem("missing field `id`")),
        // Each optional member is missing.
        ("/context/chainId", None, Fine),
        ("/context/schemaUri", None, Fine),
        ("/context/links", None, Fine),
        ("/subject/source", None, Fine),
        // Members of a wrong type.
        ("/context", Some(json!([])), Refused("context is missing or not an object")),
        ("/subject", Some(json!("s")), Refused("subject is missing or not an object")),
        ("/context/type", Some(json!(7)), Refused("context.type is missing or not a text")),
        ("/context/type", Some(json!("service.deployed")), Refused("is not dev.cdevents.")),
        (
            "/context/type",
            Some(json!("dev.cdevents.service.deployed.9.9.9")),
            Problem("has an unknown version"),
        ),
        (
            "/context/type",
            Some(json!("dev.cdevents.boat.launched.0.1.0")),
            Problem("has an unknown version"),
        ),
        ("/subject/id", Some(json!("")), Refused("subject.id is missing")),
        ("/subject/id", Some(json!({})), Refused("subject.id is missing")),
        ("/subject/id", Some(json!(7)), Problem("subject.id is not a text")),
        (
            "/subject/id",
            long.clone(),
            Refused("subject.id and the kind of the subject together have 2607 bytes"),
        ),
        (
            "/context/id",
            long.clone(),
            Refused("context.id, context.source and context.type together have "),
        ),
        (
            "/context/source",
            long.clone(),
            Refused("context.id, context.source and context.type together have "),
        ),
        (
            "/context/chainId",
            Some(json!("x".repeat(2_601))),
            Refused("context.chainId has 2601 bytes"),
        ),
        (
            "/subject/content/environment/id",
            long.clone(),
            Refused("subject.content.environment.id, the service's id"),
        ),
        (
            "/subject/content/artifactId",
            long.clone(),
            Refused("and subject.content.artifactId together have"),
        ),
        (
            "/context/links",
            Some(json!([{"linkType": "RELATION", "linkKind": "X", "target": {"contextId": long}}])),
            Problem("is left out: it has 2"),
        ),
        (
            "/subject/content/pipelineRun",
            Some(json!({"id": long})),
            Problem("the pipelinerun \"xxx"),
        ),
        ("/context/id", Some(json!(7)), Problem("context.id is not a text")),
        ("/context/id", Some(json!("0")), Fine),
        ("/context/id", Some(json!("")), Problem("context.id is missing")),
        ("/context/id", Some(json!(null)), Problem("context.id is missing")),
        ("/context/source", Some(json!("no reference at all")), Problem("is not a URI reference")),
        ("/context/source", Some(json!(false)), Problem("context.source is not a text")),
        ("/subject/source", Some(json!("<>")), Problem("subject.source is not a URI reference")),
        (
            "/context/timestamp",
            Some(json!("yesterday")),
            Problem("\"yesterday\\\"\" is not RFC 3339"),
        ),
        ("/context/timestamp", Some(json!(1_767_323_045)), Problem("1767323045\" is not RFC 3339")),
        (
            "/context/timestamp",
            Some(json!("2026-01-02T03:04:05")),
            Problem("context.timestamp has no time zone, UTC is assumed"),
        ),
        (
            "/context/timestamp",
            Some(json!("2026-01-02 03:04:05+0000")),
            Problem("+0000\\\"\" is not RFC 3339"),
        ),
        (
            "/context/specversion",
            Some(json!("1.0.0")),
            Problem("context.specversion \"1.0.0\" is unknown"),
        ),
        ("/context/schemaUri", Some(json!({})), Problem("context.schemaUri is not a URI")),
        ("/context/chainId", Some(json!(1)), Problem("context.chainId is not a text")),
        ("/context/links", Some(json!({})), Problem("context.links is not a list")),
        ("/context/links", Some(json!([7])), Problem("context.links[0] is not an object")),
        (
            "/context/links",
            Some(json!([{"linkType": "SIDEWAYS"}])),
            Problem("context.links[0] has an unknown linkType"),
        ),
        (
            "/context/links",
            Some(json!([{"linkType": "END"}, {"linkType": "PATH"}])),
            Problem("context.links[1] has no from.contextId"),
        ),
        (
            "/context/links",
            Some(json!([{"linkType": "RELATION", "linkKind": "X"}])),
            Problem("context.links[0] has no target.contextId"),
        ),
        (
            "/context/links",
            Some(json!([{"linkType": "END", "odd": 1}])),
            Problem("context.links[0] is not a valid END link"),
        ),
        ("/subject/content", Some(json!([])), Problem("subject.content is not an object")),
        (
            "/subject/content/environment",
            Some(json!("test123")),
            Problem("subject.content: invalid type"),
        ),
        ("/subject/content/artifactId", Some(json!(1)), Problem("subject.content: invalid type")),
        (
            "/subject/content/environment/id",
            Some(json!("")),
            Problem("subject.content.environment.id is empty"),
        ),
        ("/customDataContentType", Some(json!(7)), Problem("customDataContentType is not a text")),
        ("/customData", Some(json!(["any", "thing"])), Fine),
        // Unknown members.
        ("/extra", Some(json!(1)), Problem("\"extra\" is not a member of a CDEvent")),
        ("/context/extra", Some(json!(1)), Problem("context.\"extra\" is not a member")),
        ("/subject/extra", Some(json!(1)), Problem("subject.\"extra\" is not a member")),
        ("/subject/type", Some(json!("service")), Problem("subject.\"type\" is not a member")),
        ("/subject/content/extra", Some(json!(1)), Problem("unknown field `extra`")),
        ("/subject/content/environment/extra", Some(json!(1)), Problem("unknown field `extra`")),
        // Text that jsonb rejects.
        ("/customData", Some(json!("a\u{0}b")), Refused("jsonb does not accept")),
    ]
}

#[test]
fn an_event_without_a_time_takes_the_cloud_events_the_records_or_the_arrival() {
    let mut event = example("service.deployed");
    event["context"].as_object_mut().expect("an object").remove("timestamp");
    let bare = event.to_string();
    let wrapped =
        json!({"specversion": "1.0", "time": "2026-01-01T00:00:00Z", "data": event}).to_string();
    let arrived_at = Micros::from_rfc3339("2026-02-03T04:05:06Z");
    let header = weir_model::Header { name: "ce_time", value: Some(b"2026-01-01T00:00:00Z") };
    for (value, headers, timestamp_ms, expected, words) in [
        (&bare, vec![], MILLIS, "2026-01-02T03:04:05.678Z", "the record's timestamp is used"),
        (&bare, vec![], -1, "2026-02-03T04:05:06.000Z", "the arrival time is used"),
        (&bare, vec![header], -1, "2026-01-01T00:00:00.000Z", "the CloudEvent's time is used"),
        (&wrapped, vec![], -1, "2026-01-01T00:00:00.000Z", "the CloudEvent's time is used"),
    ] {
        let record =
            Record { timestamp_ms, arrived_at, headers: Headers(headers), ..record(value) };
        let read = read(&record, value).expect("an event");
        assert_eq!(read.timestamp.rfc3339_millis(), expected);
        assert!(read.problems.as_deref().is_some_and(|p| p.contains(words)), "{:?}", read.problems);
    }
}

#[test]
fn an_edge_that_is_too_long_is_left_out_and_the_event_is_stored() {
    let mut event = example("service.deployed");
    event["subject"]["id"] = "s".repeat(1_200).into();
    event["subject"]["content"]["environment"]["id"] = "e".repeat(1_300).into();
    event["subject"]["content"]["artifactId"] = "pkg:oci/a@1".into();
    event["subject"]["content"]["pipelineRun"] = json!({"id": "p".repeat(1_500)});
    let text = event.to_string();
    let read = read(&record(&text), &text).expect("an event");
    let to: Vec<&str> = read.edges.iter().map(|edge| edge.to_kind).collect();
    assert_eq!(to, ["artifact", "artifact", "environment", "event", "event"]);
    assert_eq!(read.mentions.iter().filter(|mention| mention.kind == "pipelinerun").count(), 1);
    assert!(
        read.problems.is_some_and(|p| p.contains("the edge \"partOf\" to the pipelinerun \"ppp")
            && p.contains("more than 2600"))
    );
}

#[test]
fn a_rejection_keeps_what_could_be_read() {
    let mut event = example("service.deployed");
    event["subject"]["id"] = "s".repeat(4_000).into();
    event["context"]["timestamp"] = "2026-01-01T00:00:00Z".into();
    for value in [event.to_string(), json!({"specversion": "1.0", "data": event}).to_string()] {
        let refused = decode("cdevents", &value);
        assert!(
            matches!(&refused, Outcome::Reject(rejection) if rejection.class == "too_long"),
            "{refused:?}"
        );
        let [entity, time, kind, version] = known(&refused);
        assert_eq!(
            (entity.map(|id| id.len()), time.as_deref()),
            (Some(4_000), Some("2026-01-01T00:00:00.000Z"))
        );
        assert!(
            kind.is_some_and(|kind| kind.starts_with("dev.cdevents.service.deployed."))
                && version.is_some()
        );
    }
}

#[test]
fn unknown_words_are_problems() {
    for (kind, pointer) in [
        ("pipelinerun.finished", "/subject/content/outcome"),
        ("testcaserun.finished", "/subject/content/outcome"),
        ("testsuiterun.finished", "/subject/content/severity"),
        ("testoutput.published", "/subject/content/outputType"),
    ] {
        let mut event = example(kind);
        *event.pointer_mut(pointer).expect("there") = json!("sideways");
        let found = problems(&event.to_string()).expect("stored").expect("a problem");
        assert!(found.contains("unknown variant `sideways`"), "{kind}: {found}");
    }
}

#[test]
fn required_members_of_every_example_are_missed() {
    for line in EXAMPLES.lines() {
        let whole: Value = serde_json::from_str(line).expect("JSON");
        for pointer in [
            "/context/id",
            "/context/source",
            "/context/type",
            "/context/timestamp",
            "/context/specversion",
            "/subject/id",
            "/subject/content",
        ] {
            let mut event = whole.clone();
            let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
            event
                .pointer_mut(parent)
                .and_then(Value::as_object_mut)
                .expect("an object")
                .remove(name);
            let found = problems(&event.to_string());
            let named = match &found {
                Ok(problems) => problems.as_ref().is_some_and(|p| p.contains(name)),
                Err(reason) => reason.contains(name),
            };
            assert!(named, "{pointer} of {line}: {found:?}");
        }
    }
}

#[test]
fn a_value_that_is_not_an_object_is_refused() {
    for value in [
        "",
        "7",
        "[]",
        "null",
        "\"x\"",
        "{",
        "{}",
        r#"{"data":7}"#,
        r#"{"data":{}}"#,
        r#"{"context":null,"subject":{}}"#,
    ] {
        assert!(problems(value).is_err(), "{value}");
    }
}

#[test]
fn what_is_missing_comes_from_the_record() {
    let mut event = example("build.queued");
    for (parent, name) in [("context", "id"), ("context", "source"), ("context", "timestamp")] {
        event[parent].as_object_mut().expect("an object").remove(name);
    }
    let text = event.to_string();
    let read = read(&record(&text), &text).expect("an event");
    assert_eq!((read.source.as_ref(), read.timestamp), ("/deliveries", Micros(MILLIS * 1000)));
    assert!(read.id.starts_with("bafkrei") && read.id.len() == 59, "{}", read.id);
    let never = Record { timestamp_ms: i64::MAX, ..record(&text) };
    assert!(weir_model::cdevents::read(&never, &text).is_err());
}

#[test]
fn a_cloud_event_around_it_changes_nothing() {
    for line in EXAMPLES.lines() {
        let wrapped = format!(
            r#"{{"specversion":"1.0","id":"ce","source":"/ce","type":"any","time":"2020-01-01T00:00:00Z","data": {line} }}"#
        );
        let (plain, inner) = (
            read(&record(line), line).expect("an event"),
            read(&record(&wrapped), &wrapped).expect("an event"),
        );
        assert_eq!((inner.payload, inner.checksum, inner.problems), (line, plain.checksum, None));
    }
}

#[test]
fn an_event_says_what_it_is_to_the_log() {
    let topics = weir_model::Topics::default();
    let text = example("service.deployed").to_string();
    let mut rows = CdEvents.rows(&topics);
    let Outcome::Event(event) = rows.decode(&record(&text), &text) else { panic!("an event") };
    assert_eq!(event.entity_id.as_deref(), Some("mySubject123"));
    assert_eq!(event.event_type.as_deref(), Some("dev.cdevents.service.deployed.0.3.0"));
    assert_eq!((event.event_version.as_deref(), event.row), (Some("0.3.0"), Some(0)));
    assert_eq!((CdEvents.kind(), IDENTITY_REUSED), (ProjectionKind::Series, "identity reused"));
}

/// The sample month has no findings, is in order, has no event from the future, and is the same for
/// the same seed.
#[test]
fn the_sample_company_delivers_without_fault() {
    let now = Micros(MILLIS * 1000);
    let samples = models::builtin().get("cdevents").expect("the model").samples(now);
    assert!(samples.len() > 800 && samples.len() < 5_000, "{}", samples.len());
    assert!(
        samples.is_sorted_by_key(|s| s.timestamp_ms)
            && samples.iter().all(|s| s.timestamp_ms <= MILLIS)
    );
    assert!(
        samples.iter().map(|s| s.value.len()).sum::<usize>() < 3_000_000,
        "it has to fit into the embedded broker"
    );
    let mut kinds = std::collections::BTreeSet::new();
    let mut ids = std::collections::BTreeSet::new();
    for sample in &samples {
        let event = read(&record(&sample.value), &sample.value).expect("an event");
        assert_eq!(event.problems, None, "{}", sample.value);
        kinds.insert(format!("{}.{}", event.subject, event.predicate));
        assert!(ids.insert(event.id.into_owned()));
    }
    for kind in [
        "service.deployed",
        "service.upgraded",
        "service.rolledback",
        "incident.detected",
        "incident.resolved",
        "testcaserun.finished",
        "change.abandoned",
    ] {
        assert!(kinds.contains(kind), "no {kind}: {kinds:?}");
    }
    let again = weir_model::cdevents::month(weir_model::cdevents::SEED, now);
    assert!(again.iter().map(|s| &s.value).eq(samples.iter().map(|s| &s.value)));
    let other = weir_model::cdevents::month(8, now);
    assert!(!other.iter().map(|s| &s.value).eq(samples.iter().map(|s| &s.value)));
}
