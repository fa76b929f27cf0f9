//! `weir config`: flag before environment before file before default.

use std::process::Stdio;

use anyhow::{Context, Result};

use crate::common::{Folder, command, ended};

fn line<'a>(stdout: &'a str, name: &str) -> Result<(&'a str, &'a str)> {
    let found = stdout.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
    let (value, source) = found
        .and_then(|rest| rest.rsplit_once('#'))
        .with_context(|| format!("{name} in {stdout}"))?;
    Ok((value.trim(), source.trim()))
}

#[tokio::test]
async fn every_setting_says_its_value_and_where_it_comes_from() -> Result<()> {
    let folder = Folder::new()?;
    let file = folder.above().join("weir.toml");
    std::fs::write(
        &file,
        "port = 4001\nkafka-port = 4002\nno-sample = true\nlanes = 7\nplugins = [\"daily_totals\"]\ndatabase-url = \"postgresql://u:geheim@h/d\"\n",
    )?;
    let file = file.display().to_string();
    let mut config =
        command(env!("CARGO_BIN_EXE_weir"), &["config", "--config", &file, "--port", "4003"]);
    config
        .env("WEIR_PORT", "4004")
        .env("WEIR_KAFKA_PORT", "4005")
        .env("KAFKA_PROPERTIES", "sasl.password=geheim,client.id=x");
    let shown = ended(config).await?;
    assert_eq!((shown.code, shown.stderr.as_str()), (Some(0), ""));
    let expected = [
        ("port", "4003", "flag"),
        ("kafka-port", "4005", "environment"),
        ("no-sample", "true", "file"),
        ("lanes", "7", "file"),
        ("plugins", "\"daily_totals\"", "file"),
        ("database-url", "\"postgresql://u:***@h/d\"", "file"),
        ("kafka-property", "[\"sasl.password=***\", \"client.id=***\"]", "environment"),
        ("data-dir", "\".weir\"", "default"),
        ("kafka", "\"\"", "unset"),
    ];
    for (name, value, source) in expected {
        assert_eq!(line(&shown.stdout, name)?, (value, source), "{name}");
    }
    assert!(!shown.stdout.contains("geheim"), "{}", shown.stdout);
    let as_json = ended(command(
        env!("CARGO_BIN_EXE_weir"),
        &["config", "--json", "--config", &file, "--kafka-property", "sasl.password=geheim"],
    ))
    .await?;
    let config: serde_json::Value = serde_json::from_str(&as_json.stdout)?;
    let port = serde_json::json!({"name": "port", "values": ["4001"], "source": "file"});
    assert!(config["settings"].as_array().is_some_and(|all| all.contains(&port)), "{config}");
    assert!(!as_json.stdout.contains("geheim"), "{}", as_json.stdout);

    let mut by_environment = command(env!("CARGO_BIN_EXE_weir"), &["config"]);
    by_environment.env("WEIR_CONFIG", &file);
    let shown = ended(by_environment).await?;
    assert_eq!(line(&shown.stdout, "port")?, ("4001", "file"));
    Ok(())
}

#[tokio::test]
async fn what_config_prints_is_a_file_that_config_reads() -> Result<()> {
    let folder = Folder::new()?;
    let shown = ended(command(
        env!("CARGO_BIN_EXE_weir"),
        &["config", "--port", "4001", "--topics", "+orders=events"],
    ))
    .await?;
    let file = folder.above().join("weir.toml");
    let set: Vec<&str> = shown.stdout.lines().filter(|line| !line.ends_with("# unset")).collect();
    std::fs::write(&file, set.join("\n"))?;
    let again = ended(command(
        env!("CARGO_BIN_EXE_weir"),
        &["config", "--config", &file.display().to_string()],
    ))
    .await?;
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(line(&again.stdout, "port")?.0, "4001");
    assert_eq!(line(&again.stdout, "topics")?.0, line(&shown.stdout, "topics")?.0);
    Ok(())
}

/// Simulates `weir config | head -1`.
#[tokio::test]
async fn a_closed_pipe_is_not_an_error() -> Result<()> {
    for args in [&["config"][..], &["--help"], &["--version"]] {
        let mut child = command(env!("CARGO_BIN_EXE_weir"), args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        drop(child.stdout.take());
        let output = child.wait_with_output()?;
        assert_eq!(
            (output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()),
            (Some(0), ""),
            "{args:?}"
        );
    }
    Ok(())
}
