//! Tests which errors prevent the start of the function.

use anyhow::Context;
use serde_json::json;
use weir_model::models;
use weir_settings::{DataFlags, Wanted};
use weir_store::{DatabaseConfig, Store};

use crate::{child::ApiFunctionWorld, request::Request};

#[tokio::test]
async fn a_wrong_setting_is_one_line_and_exit_2() -> anyhow::Result<()> {
    let world = ApiFunctionWorld::new().await?;
    let mut both = world.locked();
    both.env("AUTH", "iam");
    let with = |name, value| {
        let mut command = world.open();
        command.env(name, value);
        command
    };
    let missing_file = {
        let mut command = world.command();
        command.env("API_KEYS_FILE", "/no/such/file");
        command
    };
    for (mut command, said) in [
        (world.command(), "give API_KEYS_FILE or API_KEYS_SECRET_ARN, or set AUTH=iam"),
        (both, "AUTH=iam and API keys exclude each other"),
        (missing_file, "cannot read the API keys in /no/such/file"),
        (with("TOPICS", "a=nothing"), "bound to the unknown model"),
        (with("PLUGINS", "nothing"), "unknown plugin"),
        (with("DATABASE_URL", "nonsense"), "cannot parse the database URL"),
    ] {
        let output = command.output().await?;
        let stderr = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(2), "{said}: {stderr}");
        assert!(
            stderr.starts_with("api: ") && stderr.contains(said) && stderr.lines().count() == 1,
            "{said}: {stderr}"
        );
    }
    // These errors come from clap.
    for (name, value) in [("AUTH", "none"), ("BASE_PATH", "weir"), ("REQUEST_TIMEOUT", "0")] {
        let output = with(name, value).output().await?;
        let stderr = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(2), "{name}={value}");
        assert!(
            stderr.starts_with(&format!("api: {name}: ")) && stderr.lines().count() == 1,
            "{name}={value}: {stderr}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_database_that_is_away_costs_requests_not_the_function() -> anyhow::Result<()> {
    let world = ApiFunctionWorld::new().await?;
    world.proxy.refuse(true);
    let function = world.start(world.open())?;
    let away = function.get("/healthz").await?;
    assert_eq!((away.status(), &away.json()["reasons"][0]["kind"]), (503, &"database".into()));
    assert_eq!(function.get("/livez").await?.json()["status"], "ok");
    let refused = function.get("/build").await?;
    assert_eq!((refused.status(), &refused.json()["code"]), (503, &"DATABASE_UNAVAILABLE".into()));
    world.proxy.refuse(false);
    // The function needs only the database.
    assert_eq!(function.get("/healthz").await?.json()["status"], "ok");
    assert_eq!(function.ask(Request::get("/build")).await?.json(), json!([]));
    function
        .said(|line| {
            line["level"] == "WARN"
                && line["message"].as_str().is_some_and(|m| m.contains("during init"))
        })
        .await
        .context("said")?;
    Ok(())
}

/// Without the stored settings, a retry would run the record through a model of the defaults.
#[tokio::test]
async fn nothing_changes_while_the_settings_cannot_be_read() -> anyhow::Result<()> {
    let world = ApiFunctionWorld::new().await?;
    let sql = world.database.client().await?;
    sql.batch_execute("ALTER TABLE settings RENAME TO settings_away").await?;
    let function = world.start(world.open())?;
    let retry = Request { method: "POST", ..Request::get("/v1/failures/readings-0-1/retry") };
    let refused = function.ask(retry.clone()).await?;
    assert_eq!((refused.status(), &refused.json()["code"]), (503, &"DATABASE_UNAVAILABLE".into()));
    sql.batch_execute("ALTER TABLE settings_away RENAME TO settings").await?;
    assert_eq!(function.ask(retry).await?.status(), 404);
    Ok(())
}

#[tokio::test]
async fn what_a_start_has_stored_is_shown_and_what_contradicts_it_does_not_start()
-> anyhow::Result<()> {
    let world = ApiFunctionWorld::new().await?;
    let flags = DataFlags { topics: Some("+orders=events".parse()?), ..DataFlags::default() };
    let store = Store::new(&DatabaseConfig::from_url(world.database.url()))?;
    Wanted::of(&flags)?.start(&store, &models::builtin(), &weir_plugin::builtin()).await?;
    let function = world.start(world.open())?;
    let shown = function.get("/v1/models").await?.json();
    assert!(shown.to_string().contains("orders"), "{shown}");
    drop(function);
    let mut contradicts = world.open();
    let output = contradicts.env("TOPICS", "+pay=events").output().await?;
    let stderr = String::from_utf8(output.stderr)?;
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(2), 1), "{stderr}");
    assert!(
        stderr.contains("pay=events,readings=readings, but the database")
            && stderr.contains("`weir apply --topics"),
        "{stderr}"
    );
    Ok(())
}

#[tokio::test]
async fn a_variable_that_contradicts_a_database_that_was_away_costs_requests_until_they_agree()
-> anyhow::Result<()> {
    let world = ApiFunctionWorld::new().await?;
    let flags = DataFlags { topics: Some("+orders=events".parse()?), ..DataFlags::default() };
    let store = Store::new(&DatabaseConfig::from_url(world.database.url()))?;
    Wanted::of(&flags)?.start(&store, &models::builtin(), &weir_plugin::builtin()).await?;
    world.proxy.refuse(true);
    let mut contradicts = world.open();
    contradicts.env("TOPICS", "+pay=events");
    let function = world.start(contradicts)?;
    assert_eq!(function.get("/v1/models").await?.status(), 503);
    world.proxy.refuse(false);
    for _ in 0..2 {
        let error = function.get("/v1/models").await.map(|answer| answer.0);
        let error = format!("{:?}", error.expect_err("the variable contradicts"));
        assert!(error.contains("pay=events") && error.contains("orders=events"), "{error}");
    }
    let health = function.get("/healthz").await?;
    let reason = &health.json()["reasons"][0];
    assert_eq!((health.status(), &reason["kind"]), (503, &"settings".into()), "{}", health.0);
    let text = reason["text"].as_str().context("a text")?;
    assert!(text.contains("pay=events") && text.contains("orders=events"), "{text}");
    // `weir apply --topics` stores the value of the variable.
    let flags = DataFlags { topics: Some("+pay=events".parse()?), ..DataFlags::default() };
    let wanted = Wanted::of(&flags)?;
    wanted.apply(&store, "apply", &models::builtin(), &weir_plugin::builtin()).await?;
    assert_eq!(function.get("/healthz").await?.json()["status"], "ok");
    let shown = function.get("/v1/models").await?;
    assert_eq!(shown.status(), 200, "{}", shown.0);
    assert!(shown.json().to_string().contains("pay"), "{}", shown.json());
    Ok(())
}
