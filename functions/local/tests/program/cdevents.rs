//! `weir transform` and `weir sql-docs`.

use anyhow::Result;
use serde_json::Value;

use crate::common::{Folder, Running, weir};

fn recorded(name: &str) -> String {
    format!(
        "{}/../../shared/model/src/cdevents/convert/recorded/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    )
}

#[tokio::test]
async fn transform_tries_a_converter_on_a_file() -> Result<()> {
    let ended = weir(&[
        "transform",
        "--convert",
        "github",
        "--event",
        "deployment_status",
        &recorded("github_deployment_status"),
    ])
    .await?;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let events: Vec<Value> =
        ended.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let types: Vec<&str> =
        events.iter().filter_map(|event| event["context"]["type"].as_str()).collect();
    assert_eq!(
        types,
        ["dev.cdevents.pipelinerun.finished.0.3.0", "dev.cdevents.service.deployed.0.3.0"]
    );
    let nothing = weir(&["transform", "--convert", "gitlab", &recorded("gitlab_release")]).await?;
    assert_eq!((nothing.code, nothing.stdout.lines().count()), (Some(0), 1));
    Ok(())
}

#[tokio::test]
async fn transform_says_what_is_wrong() -> Result<()> {
    let push = recorded("github_push");
    for (arguments, code, says) in [
        (
            ["--convert", "jenkins", push.as_str()],
            2,
            "unknown converter \"jenkins\"; the converters are: ecr, github, gitlab",
        ),
        (["--convert", "ecr", "/nowhere.json"], 2, "cannot read /nowhere.json"),
        (["--convert", "github", push.as_str()], 1, "the header X-GitHub-Event"),
        (["--convert", "ecr", push.as_str()], 1, "the message has no detail-type"),
    ] {
        let ended = weir(&[&["transform"], &arguments[..]].concat()).await?;
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert!(
            ended.stderr.starts_with("weir: ")
                && ended.stderr.contains(says)
                && ended.stderr.lines().count() == 1,
            "{ended:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn sql_docs_prints_the_reference() -> Result<()> {
    let folder = Folder::new()?;
    let _weir = Running::start(&folder, &[]).await?;
    let ended = weir(&["sql-docs", "--data-dir", &folder.arg()]).await?;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for line in [
        "### api.deployments",
        "| `outcome` | text | The outcome in the latest event that has one: success, failure, cancel or error. |",
        "### api.deployed_at",
        "Returns the deployments that ran at an instant",
    ] {
        assert!(ended.stdout.contains(line), "{line} is missing in\n{}", ended.stdout);
    }
    Ok(())
}
