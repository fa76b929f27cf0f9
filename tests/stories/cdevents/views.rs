//! State, graph and deployments in the views of the schema `api`.

use serde_json::json;
use weir_tests::tables::column;

use super::{cdevent, told};

#[tokio::test]
async fn state_is_the_latest_instant_of_each_predicate() -> anyhow::Result<()> {
    let run = |id: &str, what: &str, minute: u8, content: serde_json::Value| {
        cdevent(
            id,
            &format!("pipelinerun.{what}"),
            "r",
            &format!("2026-01-01T00:{minute:02}:00Z"),
            &content,
        )
    };
    let world = told(&[
        run("4", "finished", 9, json!({"pipelineName": "main", "outcome": "success"})),
        run(
            "3",
            "finished",
            5,
            json!({"pipelineName": "main", "outcome": "failure", "errors": "no"}),
        ),
        run("1", "queued", 1, json!({"pipelineName": "main"})),
        run("2", "started", 2, json!({"pipelineName": "main"})),
        cdevent(
            "5",
            "taskrun.started",
            "t",
            "2026-01-01T00:03:00Z",
            &json!({"taskName": "x", "pipelineRun": {"id": "r"}}),
        ),
        cdevent(
            "6",
            "taskrun.started",
            "u",
            "2025-12-31T00:00:00Z",
            &json!({"pipelineRun": {"id": "other"}}),
        ),
        cdevent("7", "build.exploded", "b", "2026-01-01T00:03:00Z", &json!({})),
        cdevent("8", "build.exploded", "b", "2026-01-01T00:02:00Z", &json!({})),
    ])
    .await?;
    world.sql.batch_execute("SET timezone = 'UTC'").await?;
    let row = "SELECT concat_ws(' ', id, first_seen::time, queued_at::time, started_at::time, finished_at::time, outcome, name) FROM api.pipelinerun ORDER BY id";
    assert_eq!(
        column(&world.sql, row).await?,
        ["other 00:00:00", "r 00:01:00 00:01:00 00:02:00 00:09:00 success main"]
    );
    let task = "SELECT concat_ws(' ', id, started_at::time, pipelinerun_id, name) FROM api.taskrun ORDER BY id";
    assert_eq!(column(&world.sql, task).await?, ["t 00:03:00 r x", "u 00:00:00 other"]);
    // A predicate that the specification does not define is kept in `predicates`.
    let others =
        "SELECT concat_ws(' ', kind, id, predicates) FROM api.subjects WHERE kind = 'build'";
    assert_eq!(
        column(&world.sql, others).await?,
        [r#"build b {"exploded": "2026-01-01T00:03:00.000000Z"}"#]
    );
    Ok(())
}

#[tokio::test]
async fn ways_through_the_graph_end_where_they_began_once() -> anyhow::Result<()> {
    let link = |from: &str, kind: &str, to: &str| {
        let mut event: serde_json::Value = serde_json::from_str(&cdevent(
            from,
            "build.queued",
            from,
            "2026-01-01T00:00:00Z",
            &json!({}),
        ))?;
        event["context"]["links"] = if kind == "PATH" {
            json!([{"linkType": "PATH", "from": {"contextId": to}}])
        } else {
            json!([{"linkType": "RELATION", "linkKind": kind, "target": {"contextId": to}}])
        };
        anyhow::Ok(event.to_string())
    };
    // A ring of four nodes, and an edge from another node.
    let world = told(&[
        link("a", "PATH", "b")?,
        link("b", "PATH", "c")?,
        link("c", "Trigger", "d")?,
        link("d", "PATH", "a")?,
        link("x", "PATH", "c")?,
    ])
    .await?;
    let walk = async |call: &str| {
        column(&world.sql, &format!("SELECT concat_ws(' ', depth, kind, id, relation, array_to_string(path, '>')) FROM {call} ORDER BY 1"))
            .await
    };
    assert_eq!(
        walk("api.graph_descendants('a', 10)").await?,
        [
            "1 event b follows event:a>event:b",
            "2 event c follows event:a>event:b>event:c",
            "3 event d trigger event:a>event:b>event:c>event:d"
        ]
    );
    assert_eq!(walk("api.graph_descendants('a', 1)").await?, ["1 event b follows event:a>event:b"]);
    assert_eq!(
        walk("api.graph_ancestors('c', 2)").await?,
        [
            "1 event b follows event:c>event:b",
            "1 event x follows event:c>event:x",
            "2 event a follows event:c>event:b>event:a"
        ]
    );
    for nothing in [
        "api.graph_descendants('nobody', 10)",
        "api.graph_descendants('a', 0)",
        "api.graph_descendants('a', -1)",
        "api.graph_ancestors('a', 10, 'build')",
    ] {
        assert_eq!(walk(nothing).await?, Vec::<String>::new(), "{nothing}");
    }
    Ok(())
}

#[tokio::test]
async fn deployments_last_until_the_next() -> anyhow::Result<()> {
    let on = |id: &str, what: &str, day: u8, artifact: Option<&str>| {
        let mut content = json!({"environment": {"id": "prod"}});
        if let Some(artifact) = artifact {
            content["artifactId"] = artifact.into();
        }
        cdevent(
            id,
            &format!("service.{what}"),
            "shop",
            &format!("2026-01-0{day}T00:00:00Z"),
            &content,
        )
    };
    let world = told(&[
        on("3", "rolledback", 3, Some("pkg:oci/shop@sha256%3Aaa?tag=1.0")),
        on("1", "deployed", 1, Some("pkg:oci/shop@sha256%3Aaa?tag=1.0")),
        on("4", "removed", 4, None),
        on("2", "upgraded", 2, Some("pkg:oci/shop@2.0%2Bx")),
        on("5", "published", 5, None),
        on("6", "deployed", 6, Some("not-a-purl")),
    ])
    .await?;
    world.sql.batch_execute("SET timezone = 'UTC'").await?;
    let history = "SELECT concat_ws(' ', at::date, until::date, change, coalesce(version, '-')) FROM api.deployment_history('shop')";
    assert_eq!(
        column(&world.sql, history).await?,
        [
            "2026-01-06 deployed -",
            "2026-01-03 2026-01-04 rolledback 1.0",
            "2026-01-02 2026-01-03 upgraded 2.0+x",
            "2026-01-01 2026-01-02 deployed 1.0"
        ]
    );
    for (day, expected) in [
        ("01", Some("1.0")),
        ("02", Some("2.0+x")),
        ("03", Some("1.0")),
        ("04", None),
        ("05", None),
    ] {
        let there = format!("SELECT version FROM api.deployed_at('2026-01-{day}T12:00:00Z')");
        assert_eq!(
            column(&world.sql, &there).await?.first().map(String::as_str),
            expected,
            "{day}"
        );
    }
    Ok(())
}
