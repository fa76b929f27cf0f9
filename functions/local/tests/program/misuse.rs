//! Errors of usage: one clear line on stderr, exit code 2, and no process left.

use std::net::TcpListener;

use anyhow::Result;

use crate::common::{Ended, Folder, Running, weir};

/// Checks for exactly one line with this text.
fn assert_one_line(ended: &Ended, code: i32, says: &str) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    assert!(ended.stderr.starts_with("weir: ") && ended.stderr.contains(says), "{says}: {ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    assert_eq!(ended.stdout, "", "{ended:?}");
}

#[tokio::test]
async fn a_taken_port_is_named() -> Result<()> {
    let folder = Folder::new()?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port().to_string();
    let data = folder.arg();
    let ended = weir(&["--data-dir", &data, "--port", &port, "--kafka-port", "0"]).await?;
    assert_one_line(
        &ended,
        2,
        &format!(
            "port {port} is already in use: stop the program that listens on it, or choose another port with --port"
        ),
    );
    let ended = weir(&["--data-dir", &data, "--port", "0", "--kafka-port", &port]).await?;
    assert_one_line(
        &ended,
        2,
        &format!(
            "port {port} is already in use: stop the program that listens on it, or choose another port with --kafka-port"
        ),
    );
    assert!(!folder.data().exists(), "nothing was made before it was known that it works");
    Ok(())
}

#[tokio::test]
async fn a_folder_or_a_postgresql_that_cannot_be_used_is_named() -> Result<()> {
    let folder = Folder::new()?;
    let file = folder.above().join("file");
    std::fs::write(&file, "")?;
    let below = file.join("data").display().to_string();
    let ports = ["--port", "0", "--kafka-port", "0"];
    let ended = weir(&[&["--data-dir", &below], &ports[..]].concat()).await?;
    assert_one_line(
        &ended,
        2,
        &format!("cannot use the data folder {below} (Not a directory (os error 20)): choose one"),
    );
    let none = folder.above().display().to_string();
    let ended =
        weir(&[&["--data-dir", &folder.arg(), "--postgres-bin", &none], &ports[..]].concat())
            .await?;
    assert_one_line(
        &ended,
        2,
        &format!(
            "{none} does not have initdb and postgres of PostgreSQL 14 or newer: give the folder that has them"
        ),
    );
    Ok(())
}

#[tokio::test]
async fn wrong_settings_are_named() -> Result<()> {
    let folder = Folder::new()?;
    let unknown = folder.above().join("unknown.toml");
    std::fs::write(&unknown, "prot = 3000")?;
    let broken = folder.above().join("broken.toml");
    std::fs::write(&broken, "port = \n3000 = [")?;
    let (unknown, broken) = (unknown.display().to_string(), broken.display().to_string());
    let cases: &[(&[&str], &str)] = &[
        (
            &["--topics", "build_events=nothing"],
            r#"topic "build_events" is bound to the unknown model "nothing"; the models are: events, builds, readings, cdevents"#,
        ),
        (&["--topics", "=events"], "--topics"),
        (&["--topics", "a=events,a=builds"], "a"),
        (&["--plugins", "nope"], r#"unknown plugin "nope"; the plugins are: daily_totals"#),
        (&["--plugins", "daily_totals,daily_totals"], "is enabled twice"),
        (&["--avro", "readings=/no/such.avsc"], "/no/such.avsc"),
        (&["--dedupe", "nope"], "nope"),
        (&["--config", "/no/such.toml"], "--config /no/such.toml: No such file or directory"),
        (&["--config", &unknown], r#"unknown setting "prot""#),
        (&["--config", &broken], "--config"),
        (&["--port", "70000"], "--port"),
        (&["--host", "localhost"], "--host"),
        (
            &["--host", "0.0.0.0"],
            "create a key with `weir keys new --scope read --api-keys-file FILE`",
        ),
        (&["--host", "::"], "--host :: would serve all data to everyone"),
        (&["--auth", "iam"], "--auth iam is only for the function"),
        (&["--auth", "none"], "--auth"),
        (&["--api-keys-file", "/no/keys"], "cannot read the API keys in /no/keys: No such file"),
        (&["--api-keys-file", "/no/keys", "--api-keys-secret-arn", "arn:x"], "give one of them"),
        (&["--prot", "1"], "unexpected argument '--prot'"),
        (&["--group-id", ""], "--group-id"),
        (&["--database-url", "nonsense"], "the database URL"),
        (
            &[
                "--kafka",
                "127.0.0.1:1",
                "--kafka-property",
                "nope.nope=1",
                "--database-url",
                "postgresql://weir@127.0.0.1:1/x",
            ],
            "nope.nope",
        ),
        (&["frobnicate"], "frobnicate"),
        (&["replay"], "--model"),
        (&["retention", "--keep", "0"], "--keep"),
        (
            &["retention"],
            "no retention is set: give --keep with the number of days, for example --keep 400d",
        ),
        (&["dump", "--dump-date", "2025-02-30"], "not a day of the calendar"),
        (&["dump", "--dump-date", "yesterday"], "not a day: write it as YYYY-MM-DD"),
        (&["dump", "--from", "2026-01-01"], "--to"),
        (
            &["dump", "--models", "nothing"],
            r#"model "nothing" does not exist or has no table to dump; the models are: events, builds, readings"#,
        ),
        (&["dump", "--formats", "xml"], "--formats"),
        (&["dump", "--blob-url", "ftp://x"], "neither s3://bucket/prefix nor file:///folder"),
        (
            &["restore", "--model", "readings", "--day", "2026-01-01", "--from", "file:///no/such"],
            "folder /no/such does not exist: create it, or give another --blob-url (BLOB_URL)",
        ),
        (&["--dump-at", "6 o'clock"], "--dump-at"),
        (&["--public-dumps", "nothing"], r#"--public-dumps: unknown model "nothing""#),
    ];
    let own = ["--data-dir", &folder.arg(), "--port", "0", "--kafka-port", "0"].map(str::to_owned);
    for (args, says) in cases {
        let args: Vec<&str> = own.iter().map(String::as_str).chain(args.iter().copied()).collect();
        assert_one_line(&weir(&args).await?, 2, says);
    }
    assert!(!folder.data().join("postgres").exists());
    Ok(())
}

#[tokio::test]
async fn a_database_that_is_away_is_said_in_one_line() -> Result<()> {
    let url = "postgresql://weir:geheim@127.0.0.1:1/weir";
    for command in
        [&["migrate", "status"][..], &["reconcile"], &["retention", "--keep", "400d"], &[]]
    {
        let ended =
            weir(&[command, &["--database-url", url, "--port", "0", "--kafka-port", "0"]].concat())
                .await?;
        assert_one_line(&ended, 1, "127.0.0.1:1");
        assert!(!ended.stderr.contains("geheim"), "{}", ended.stderr);
    }
    Ok(())
}

#[tokio::test]
async fn a_second_weir_on_the_same_folder_leaves_the_first_alone() -> Result<()> {
    let folder = Folder::new()?;
    let first = Running::start(&folder, &[]).await?;
    let second = weir(&["--data-dir", &folder.arg(), "--port", "0", "--kafka-port", "0"]).await?;
    assert_one_line(&second, 2, "another weir uses ");
    first.is_healthy().await?;
    assert_eq!(first.interrupt().await?.code, Some(0));
    Ok(())
}
