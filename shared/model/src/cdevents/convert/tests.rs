//! Converts recorded messages and compares type, instant, subject and content of each event.

use serde_json::{Value, json};

use super::*;
use crate::{
    Record,
    cdevents::{CdEvent, read},
    record::Headers,
};

macro_rules! recorded {
    ($name:literal) => {
        ($name, include_str!(concat!("recorded/", $name, ".json")))
    };
}

/// An event's type, instant, subject and content.
type Expected = (&'static str, &'static str, &'static str, Value);

fn repository(source: &str) -> Value {
    json!({"repository": {"id": "Harbour/shop", "source": source}})
}

/// Name and text, converter, `X-GitHub-Event`, the events.
type Recorded = ((&'static str, &'static str), &'static str, Option<&'static str>, Vec<Expected>);

fn all() -> Vec<Recorded> {
    let image = "pkg:oci/shop@sha256%3A7f5b2640fe6fb4f46592dfd3410c4a79dac4f89e4782432e0378abcd1234?repository_url=123456789012.dkr.ecr.us-west-2.amazonaws.com/harbour/shop&tag=latest";
    let hub = || repository("https://github.example/Harbour/shop");
    let lab = || repository("https://gitlab.example/Harbour/shop");
    let described = |mut content: Value, text: &str| {
        content["description"] = text.into();
        content
    };
    let commit = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";
    let run = "https://github.example/Harbour/shop/actions/runs/289782451";
    let job = |outcome: Option<&str>| {
        let mut content = json!({"taskName": "test (ubuntu)", "uri": format!("{run}/job/2832853555"), "pipelineRun": {"id": "Harbour/shop/actions/runs/289782451"}});
        if let Some(outcome) = outcome {
            content["outcome"] = outcome.into();
        }
        content
    };
    vec![
        (
            recorded!("ecr_push"),
            "ecr",
            None,
            vec![("artifact.published.0.3.0", "2019-11-16T01:54:34.000Z", image, json!({}))],
        ),
        (
            recorded!("ecr_delete"),
            "ecr",
            None,
            vec![("artifact.deleted.0.2.0", "2019-11-16T02:01:05.000Z", image, json!({}))],
        ),
        (
            recorded!("github_push"),
            "github",
            Some("push"),
            vec![
                ("branch.created.0.3.0", "2019-05-15T13:20:33.000Z", "Harbour/shop/main", hub()),
                ("change.merged.0.3.0", "2019-05-15T13:20:33.000Z", commit, hub()),
            ],
        ),
        (
            recorded!("github_push_deleted"),
            "github",
            Some("push"),
            vec![(
                "branch.deleted.0.3.0",
                "2019-05-15T15:20:57.000Z",
                "Harbour/shop/simple-branch",
                hub(),
            )],
        ),
        (
            recorded!("github_pull_request_opened"),
            "github",
            Some("pull_request"),
            vec![(
                "change.created.0.4.0",
                "2019-05-15T15:20:34.000Z",
                "Harbour/shop/pull/2",
                described(hub(), "Update the README with new information."),
            )],
        ),
        (
            recorded!("github_pull_request_merged"),
            "github",
            Some("pull_request"),
            vec![("change.merged.0.3.0", "2019-05-16T08:00:00.000Z", "Harbour/shop/pull/2", hub())],
        ),
        (
            recorded!("github_pull_request_review"),
            "github",
            Some("pull_request_review"),
            vec![(
                "change.reviewed.0.3.0",
                "2019-05-15T15:20:38.000Z",
                "Harbour/shop/pull/2",
                hub(),
            )],
        ),
        (
            recorded!("github_workflow_run_in_progress"),
            "github",
            Some("workflow_run"),
            vec![(
                "pipelinerun.started.0.3.0",
                "2020-10-05T18:00:10.000Z",
                "Harbour/shop/actions/runs/289782451",
                json!({"pipelineName": "CI", "uri": run}),
            )],
        ),
        (
            recorded!("github_workflow_run_completed"),
            "github",
            Some("workflow_run"),
            vec![(
                "pipelinerun.finished.0.3.0",
                "2020-10-05T18:05:00.000Z",
                "Harbour/shop/actions/runs/289782451",
                json!({"pipelineName": "CI", "uri": run, "outcome": "error"}),
            )],
        ),
        (
            recorded!("github_workflow_job_in_progress"),
            "github",
            Some("workflow_job"),
            vec![(
                "taskrun.started.0.3.0",
                "2020-10-05T18:00:20.000Z",
                "Harbour/shop/actions/jobs/2832853555",
                job(None),
            )],
        ),
        (
            recorded!("github_workflow_job_completed"),
            "github",
            Some("workflow_job"),
            vec![(
                "taskrun.finished.0.3.0",
                "2020-10-05T18:04:50.000Z",
                "Harbour/shop/actions/jobs/2832853555",
                job(Some("success")),
            )],
        ),
        (
            recorded!("github_release"),
            "github",
            Some("release"),
            vec![(
                "artifact.published.0.3.0",
                "2019-05-15T15:20:53.000Z",
                "pkg:github/harbour/shop@1.4.0",
                json!({"user": "a"}),
            )],
        ),
        (
            recorded!("github_deployment"),
            "github",
            Some("deployment"),
            vec![(
                "pipelinerun.queued.0.3.0",
                "2019-05-15T15:20:53.000Z",
                "Harbour/shop/deployments/145988746",
                json!({"pipelineName": "deploy to production"}),
            )],
        ),
        (
            recorded!("github_deployment_status"),
            "github",
            Some("deployment_status"),
            vec![
                (
                    "pipelinerun.finished.0.3.0",
                    "2019-05-15T15:25:53.000Z",
                    "Harbour/shop/deployments/145988746",
                    json!({"pipelineName": "deploy to production", "uri": run, "outcome": "success"}),
                ),
                (
                    "service.deployed.0.3.0",
                    "2019-05-15T15:25:53.000Z",
                    "Harbour/shop",
                    json!({"environment": {"id": "production"}, "artifactId": "pkg:github/harbour/shop@f95f852bd8fca8fcc58a9a2d6c842781e32a215e"}),
                ),
            ],
        ),
        (
            recorded!("gitlab_push"),
            "gitlab",
            None,
            vec![(
                "change.merged.0.3.0",
                "2012-01-03T21:36:29.000Z",
                "da1560886d4f094c3e6c9ef40349f7d38b5d27d7",
                lab(),
            )],
        ),
        (
            recorded!("gitlab_push_new_branch"),
            "gitlab",
            None,
            vec![
                ("branch.created.0.3.0", "2012-01-03T21:36:29.000Z", "Harbour/shop/sail", lab()),
                (
                    "change.updated.0.3.0",
                    "2012-01-03T21:36:29.000Z",
                    "da1560886d4f094c3e6c9ef40349f7d38b5d27d7",
                    lab(),
                ),
            ],
        ),
        (
            recorded!("gitlab_merge_request"),
            "gitlab",
            None,
            vec![(
                "change.created.0.4.0",
                "2013-12-03T17:24:00.000Z",
                "Harbour/shop!1",
                described(lab(), "MS-Viewport"),
            )],
        ),
        (
            recorded!("gitlab_merge_request_merged"),
            "gitlab",
            None,
            vec![("change.merged.0.3.0", "2013-12-04T09:00:00.000Z", "Harbour/shop!1", lab())],
        ),
        (
            recorded!("gitlab_pipeline"),
            "gitlab",
            None,
            vec![(
                "pipelinerun.finished.0.3.0",
                "2016-08-12T15:26:29.000Z",
                "Harbour/shop/-/pipelines/31",
                json!({"pipelineName": "Pipeline for branch: main", "uri": "https://gitlab.example/Harbour/shop/-/pipelines/31", "outcome": "failure"}),
            )],
        ),
        (
            recorded!("gitlab_job"),
            "gitlab",
            None,
            vec![(
                "taskrun.finished.0.3.0",
                "2021-02-23T02:44:00.000Z",
                "Harbour/shop/-/jobs/1977",
                json!({"taskName": "test", "uri": "https://gitlab.example/Harbour/shop/-/jobs/1977", "pipelineRun": {"id": "Harbour/shop/-/pipelines/2366"},
                    "outcome": "failure", "errors": "script_failure"}),
            )],
        ),
        (
            recorded!("gitlab_release"),
            "gitlab",
            None,
            vec![(
                "artifact.published.0.3.0",
                "2020-11-02T12:55:12.000Z",
                "pkg:gitlab/harbour/shop@v1.1",
                json!({}),
            )],
        ),
        (
            recorded!("gitlab_deployment"),
            "gitlab",
            None,
            vec![
                (
                    "pipelinerun.finished.0.3.0",
                    "2021-04-28T19:50:00.000Z",
                    "Harbour/shop/-/deployments/15",
                    json!({"pipelineName": "deploy to staging", "uri": "https://gitlab.example/Harbour/shop/-/jobs/796", "outcome": "success"}),
                ),
                (
                    "service.deployed.0.3.0",
                    "2021-04-28T19:50:00.000Z",
                    "Harbour/shop",
                    json!({"environment": {"id": "staging"}, "artifactId": "pkg:gitlab/harbour/shop@279484c0"}),
                ),
            ],
        ),
    ]
}

fn record(value: &str) -> Record<'_> {
    let (topic, value) = ("cdevents", Some(value.as_bytes()));
    Record {
        topic,
        partition: 0,
        offset: 0,
        timestamp_ms: 0,
        key: None,
        value,
        headers: Headers::default(),
        arrived_at: None,
        schema: None,
        bad_base64: None,
        checksum: 0,
    }
}

#[test]
fn every_recorded_message_makes_its_events() {
    for ((name, body), converter, event, expected) in all() {
        let converter: Converter = converter.parse().expect("known");
        let events =
            converter.convert(Message { event, body }).unwrap_or_else(|e| panic!("{name}: {e}"));
        let again = converter.convert(Message { event, body });
        assert_eq!(again.as_ref(), Ok(&events), "{name}: the same message makes the same events");
        assert_eq!(events.len(), expected.len(), "{name}: {events:#?}");
        for (event, (kind, at, subject, content)) in events.iter().zip(expected) {
            let text = event.to_string();
            let read: CdEvent<'_> =
                read(&record(&text), &text).unwrap_or_else(|e| panic!("{name}: {e:?}"));
            assert_eq!(read.problems, None, "{name}: {text}");
            let shown = (
                read.kind.as_ref(),
                read.timestamp.rfc3339_millis(),
                read.subject_id.as_ref(),
                &event["subject"]["content"],
            );
            assert_eq!(
                shown,
                (format!("dev.cdevents.{kind}").as_str(), at.to_owned(), subject, &content),
                "{name}"
            );
            assert!(read.id.starts_with("bafkrei"), "{name}: {}", read.id);
        }
    }
}

#[test]
fn what_says_nothing_makes_nothing() {
    let hub = r#"{"repository":{"full_name":"a/b","html_url":"https://github.example/a/b"}"#;
    for (converter, event, body) in [
        (Converter::Github, Some("ping"), "{}"),
        // A message that makes no events may lack the members that others must have.
        (
            Converter::Github,
            Some("installation"),
            r#"{"action":"created","installation":{"id":1}}"#,
        ),
        (Converter::Github, Some("workflow_job"), &format!(r#"{hub},"action":"queued"}}"#)),
        (Converter::Github, Some("workflow_run"), &format!(r#"{hub},"action":"other"}}"#)),
        (
            Converter::Github,
            Some("deployment_status"),
            &format!(r#"{hub},"deployment_status":{{"state":"inactive"}}}}"#),
        ),
        (Converter::Gitlab, None, r#"{"event_name":"user_add_to_group","group_id":1}"#),
        (Converter::Gitlab, None, r#"{"event_name":"project_create","project_id":1}"#),
        (
            Converter::Gitlab,
            None,
            r#"{"object_kind":"build","project":{"web_url":"https://gitlab.example/a/b"},"build_status":"created"}"#,
        ),
        (
            Converter::Gitlab,
            None,
            r#"{"object_kind":"deployment","project":{"web_url":"https://gitlab.example/a/b"},"status":"skipped"}"#,
        ),
        (Converter::Ecr, None, r#"{"detail-type":"ECR Image Scan"}"#),
        (Converter::Github, Some("star"), &*format!("{hub}}}")),
        (Converter::Github, Some("push"), &format!(r#"{hub},"ref":"refs/tags/v1"}}"#)),
        (Converter::Github, Some("pull_request"), &format!(r#"{hub},"action":"labeled"}}"#)),
        (
            Converter::Github,
            Some("deployment_status"),
            &format!(
                r#"{hub},"deployment_status":{{"state":"inactive"}},"deployment":{{"id":1,"environment":"e"}}}}"#
            ),
        ),
        (Converter::Gitlab, None, r#"{"object_kind":"note"}"#),
        (
            Converter::Ecr,
            None,
            r#"{"detail-type":"ECR Image Action","detail":{"result":"FAILURE"}}"#,
        ),
    ] {
        assert_eq!(converter.convert(Message { event, body }), Ok(Vec::new()), "{body}");
    }
}

#[test]
fn what_cannot_be_converted_says_why() {
    for (converter, event, body, why) in [
        (Converter::Github, Some("push"), "{", "the message is not JSON"),
        (Converter::Github, Some("push"), "[]", "the message is not a JSON object"),
        (Converter::Github, None, "{}", "the header X-GitHub-Event"),
        (Converter::Github, Some("push"), "{}", "the message has no repository.full_name"),
        (
            Converter::Gitlab,
            None,
            r#"{"object_kind":"build"}"#,
            "the message has no repository.homepage",
        ),
        (Converter::Ecr, None, "{}", "the message has no detail-type"),
    ] {
        let error = converter.convert(Message { event, body }).expect_err(body).to_string();
        assert!(error.contains(why), "{error}");
    }
    let error = "jenkins".parse::<Converter>().expect_err("unknown").to_string();
    assert_eq!(error, "unknown converter \"jenkins\"; the converters are: ecr, github, gitlab");
}
