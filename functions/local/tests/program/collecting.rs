//! Collected events reach the tables: over HTTP, from files, and from the command line.

use std::fs;

use anyhow::{Context, Result};
use base64_simd::STANDARD;
use serde_json::json;

use crate::common::{
    Folder, Running, command, data, ended,
    running::{count, until_count},
    weir,
};

#[tokio::test]
async fn readings_of_a_day_are_in_the_table_once_however_often_they_are_sent() -> Result<()> {
    let folder = Folder::new()?;
    let weir = Running::start(&folder, &[]).await?;
    // More than the embedded broker keeps: the sender waits for the poller.
    let day: String = (0..100_000).map(data::line).collect();
    for _ in 0..2 {
        let answer = weir.ingest(day.as_bytes()).await?;
        assert_eq!((answer.status, answer.body.as_str()), (200, "{}"));
    }
    let sql = folder.sql().await?;
    until_count(&sql, "SELECT count(*) FROM events", 200_000)
        .await
        .with_context(|| weir.stderr())?;
    assert_eq!(count(&sql, "SELECT count(*) FROM readings").await?, 100_000);
    assert_eq!(count(&sql, "SELECT count(*) FROM failures").await?, 0);
    assert_eq!(weir.interrupt().await?.code, Some(0));
    Ok(())
}

#[tokio::test]
async fn a_webhook_of_the_configuration_is_an_event() -> Result<()> {
    let folder = Folder::new()?;
    let file = folder.above().join("weir.toml");
    let text = "topics = \"+pushes=events\"\n[sources.github]\ntopic = \"pushes\"\nsignature = \"github\"\n\
                secret = \"It's a Secret to Everybody\"\nkeep-headers = [\"X-GitHub-Event\"]\n";
    fs::write(&file, text)?;
    let file = file.display().to_string();
    let weir =
        Running::start(&folder, &["--config", &file, "--event-fields", "pushes=entity_id:/ref"])
            .await?;
    let body = br#"{"ref":"refs/heads/main"}"#;
    let unsigned = weir.post("/webhook/github", body).await?;
    assert_eq!(unsigned.status, 401, "{unsigned:?}");
    // The signature is made with: openssl dgst -sha256 -hmac "It's a Secret to Everybody"
    let signed = "X-Hub-Signature-256: sha256=6a42699496d8c4fb346af1c930df527931a321e28ada69dbc5ee82f438517fd2";
    let answer = weir.post_with(&[signed, "X-GitHub-Event: push"], "/webhook/github", body).await?;
    assert_eq!((answer.status, answer.json()?), (202, json!({"accepted": 1})));
    weir.stored(&folder, 1).await?;
    let events = weir.json("/v1/events?topic=pushes").await?;
    assert_eq!(events[0]["entity_id"], "refs/heads/main", "{events}");
    let config = ended(command(env!("CARGO_BIN_EXE_weir"), &["config", "--config", &file])).await?;
    assert!(config.code == Some(0) && !config.stdout.contains("Everybody"), "{config:?}");
    Ok(())
}

#[tokio::test]
async fn a_source_that_cannot_be_is_wrong_usage() -> Result<()> {
    let folder = Folder::new()?;
    let file = folder.above().join("weir.toml");
    for (sources, says) in [
        ("[sources.a]\ntopic = \"nothing\"", "source a: topic nothing is not bound to a model"),
        (
            "[sources.a]\ntopic = \"readings\"\nsignature = \"github\"",
            "source a: the source has a signature but no secret",
        ),
        (
            "[sources.a]\ntopic = \"readings\"\nsecret = \"hidden\"",
            "source a: the source has a secret but no signature",
        ),
        (
            "[sources.a]\ntopic = \"readings\"\nsecret = \" \"\nsignature = \"gitlab\"",
            "source a: secret is empty",
        ),
        (
            "[sources.a]\ntopic = \"readings\"\nkeep-headers = [\"Authorization\"]",
            "which is a secret of the sender",
        ),
        (
            "[sources.a]\ntopic = \"cdevents\"\nconvert = \"nobody\"",
            "source a: convert: unknown converter \"nobody\"; the converters are: ecr, github, gitlab",
        ),
        (
            "[sources.a]\ntopic = \"readings\"\nconvert = \"ecr\"",
            "convert creates CDEvents, but topic readings is bound to readings",
        ),
        (
            "[sources.a]\ntopic = \"cdevents\"\nconvert = \"github\"\neventbridge = { source = \"x\" }",
            "reads the header x-github-event, but events of eventbridge have no headers",
        ),
        (
            "[sources.a]\ntopic = \"readings\"\nrules = [{ header = \"x\" }]",
            "must have exactly one of exists, equals and matches",
        ),
        ("[sources.a]\ntopci = \"readings\"", "unknown field `topci`"),
        ("sources = 1", "sources must be a table"),
    ] {
        fs::write(&file, sources)?;
        let (data, config) = (folder.arg(), file.display().to_string());
        let said =
            weir(&["--data-dir", &data, "--port", "0", "--kafka-port", "0", "--config", &config])
                .await?;
        assert_eq!(said.code, Some(2), "{sources}: {said:?}");
        assert!(
            said.stderr.contains(says) && !said.stderr.contains("hidden"),
            "{sources}: {}",
            said.stderr
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_routes_are_in_the_document_and_behind_the_keys() -> Result<()> {
    let folder = Folder::new()?;
    let keys = folder.above().join("keys").display().to_string();
    let made =
        weir(&["keys", "new", "--scope", "write", "--name", "boat", "--api-keys-file", &keys])
            .await?;
    let key = made.stdout.lines().last().context("a key")?.to_owned();
    let weir = Running::start(&folder, &["--api-keys-file", &keys]).await?;
    let document = weir.json("/openapi.json").await?;
    for path in [
        "/ingest",
        "/ingest/upload",
        "/ingest/{topic}",
        "/events/{topic}",
        "/cdevents",
        "/webhook/{id}",
    ] {
        let operation = &document["paths"][path]["post"];
        assert!(operation["operationId"].is_string(), "{path}");
        assert_eq!(operation["security"].is_array(), path != "/webhook/{id}", "{path}");
    }
    let line = data::line(1);
    assert_eq!(weir.ingest(line.as_bytes()).await?.status, 401);
    let basic = format!("Authorization: Basic {}", STANDARD.encode_to_string(format!("{key}:")));
    let answer = weir
        .post_with(&["Content-Type: application/x-ndjson", &basic], "/ingest", line.as_bytes())
        .await?;
    assert_eq!(answer.status, 200, "{answer:?}");
    let url = format!("http://127.0.0.1:{}", weir.http);
    let send = ["send", "--url", &url, "--topic", "readings", "--api-key", &key, "-d", line.trim()];
    let sent = ended(command(env!("CARGO_BIN_EXE_weir"), &send)).await?;
    assert_eq!((sent.code, sent.stdout.as_str()), (Some(0), "1 sent\n"), "{sent:?}");
    let refused = ended(command(
        env!("CARGO_BIN_EXE_weir"),
        &["send", "--url", &url, "--topic", "readings", "-d", "{}"],
    ))
    .await?;
    assert!(refused.code == Some(1) && refused.stderr.contains("401"), "{refused:?}");
    weir.stored(&folder, 2).await?;
    Ok(())
}

#[tokio::test]
async fn values_are_sent_from_a_command_line() -> Result<()> {
    let folder = Folder::new()?;
    let running = Running::start(&folder, &["--topics", "+orders=events"]).await?;
    let url = format!("http://127.0.0.1:{}", running.http);
    let file = folder.above().join("orders.ndjson");
    fs::write(&file, "{\"id\":1}\n{\"id\":2}\n")?;
    let at = format!("@{}", file.display());
    let sent =
        weir(&["send", "--url", &url, "--topic", "orders", "-d", &at, "--key", "/id"]).await?;
    assert_eq!((sent.code, sent.stdout.as_str()), (Some(0), "2 sent\n"), "{sent:?}");
    // Stdin is empty.
    let sent = weir(&["send", "--url", &url, "--topic", "orders"]).await?;
    assert_eq!((sent.code, sent.stdout.as_str()), (Some(0), "0 sent\n"), "{sent:?}");
    let refused =
        weir(&["send", "--url", &url, "--topic", "orders", "-d", "{\"id\":3}\n{"]).await?;
    assert!(
        refused.code == Some(1)
            && refused.stderr.contains("line 2: ")
            && refused.stderr.contains("1 refused, 1 sent"),
        "{refused:?}"
    );
    let unknown = weir(&["send", "--url", &url, "--topic", "nothing", "-d", "{}"]).await?;
    assert!(
        unknown.code == Some(1) && unknown.stderr.contains("not bound to a model"),
        "{unknown:?}"
    );
    let nobody = weir(&[
        "send",
        "--url",
        "http://127.0.0.1:1",
        "--topic",
        "orders",
        "-d",
        "{}",
        "--retries",
        "1",
    ])
    .await?;
    assert!(nobody.code == Some(1) && nobody.stderr.contains("retry in 0.5 s"), "{nobody:?}");
    for wrong in [
        &["send", "--topic", "orders", "-d", "@/no/file"][..],
        &["send", "--topic", "orders", "--url", "ftp://x", "-d", "1"],
    ] {
        assert_eq!(weir(wrong).await?.code, Some(2));
    }
    running.stored(&folder, 3).await?;
    Ok(())
}

#[tokio::test]
async fn files_of_a_folder_are_collected_once() -> Result<()> {
    let folder = Folder::new()?;
    let running = Running::start(&folder, &["--topics", "+orders=events"]).await?;
    let files = folder.above().join("files");
    fs::create_dir_all(files.join("boats/1"))?;
    let lines: String = (0..1000).map(data::line).collect();
    fs::write(files.join("boats/1/a.ndjson"), &lines)?;
    fs::write(
        files.join("boats/b.csv"),
        "sensor,value,timestamp\nspeed,1.5,2024-01-01T00:00:00Z\nfuel,2,2024-01-01T00:00:00Z\n",
    )?;
    fs::write(
        files.join("boats/c.json"),
        "[{\"sensor\":\"speed\",\"value\":1,\"timestamp\":\"2023-01-01T00:00:00Z\"},\n{\"sensor\":\"no reading\"}]",
    )?;
    fs::write(files.join("other.txt"), "nobody's")?;
    let (dir, data, port) =
        (files.display().to_string(), folder.arg(), running.kafka_port().to_owned());
    let collect = |more: &'static [&'static str]| {
        let all = [
            &[
                "collect",
                &dir,
                "--data-dir",
                &data,
                "--kafka-port",
                &port,
                "--files",
                "boats/=readings",
                "--types",
                "value=number",
            ][..],
            more,
        ]
        .concat();
        let all: Vec<String> = all.into_iter().map(str::to_owned).collect();
        async move { weir(&all.iter().map(String::as_str).collect::<Vec<_>>()).await }
    };
    let said = collect(&[]).await?;
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (Some(0), "1004 values of 3 files sent, 0 files unchanged since they were collected\n"),
        "{said:?}"
    );
    // A value that is not a reading is stored as a failure.
    running.stored(&folder, 1003).await?;
    let sql = folder.sql().await?;
    until_count(&sql, "SELECT count(*) FROM failures", 1).await?;
    let said = collect(&[]).await?;
    assert_eq!(
        said.stdout, "0 values of 0 files sent, 3 files unchanged since they were collected\n",
        "{said:?}"
    );
    fs::write(files.join("boats/b.csv"), "sensor,value,timestamp\nspeed,3,2024-01-02T00:00:00Z\n")?;
    assert!(collect(&[]).await?.stdout.starts_with("1 values of 1 files sent, 2 files"));
    running.stored(&folder, 1004).await?;
    assert!(
        collect(&["--again"]).await?.stdout.starts_with("1003 values of 3 files sent, 0 files")
    );
    until_count(&sql, "SELECT count(*) FROM events", 2006).await?;
    assert_eq!(count(&sql, "SELECT count(*) FROM readings").await?, 1004);
    // The same file gives the same records: only their coordinates differ.
    let doubles = "SELECT count(*) FROM (SELECT checksum FROM events GROUP BY checksum HAVING count(*) = 2) AS twice";
    assert_eq!(count(&sql, doubles).await?, 1002);
    let event =
        running.json("/v1/events?topic=readings&entity_id=fuel&to=2024-01-01T00:00:01Z").await?;
    assert_eq!(event[0]["payload"]["value"], 2, "{event}");
    for wrong in [
        &["collect", "/no/folder", "--files", "=readings"][..],
        &["collect", &dir],
        &["collect", &dir, "--files", "=nothing"],
    ] {
        assert_eq!(weir(wrong).await?.code, Some(2), "{wrong:?}");
    }
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_read_is_kept_and_costs_no_other_file() -> Result<()> {
    let folder = Folder::new()?;
    let running = Running::start(&folder, &["--topics", "+csv=events"]).await?;
    let files = folder.above().join("files");
    fs::create_dir_all(files.join("d"))?;
    fs::write(files.join("d/a.csv"), b"name\nM\xfcller\n")?;
    fs::write(files.join("d/b.csv"), "id,x\n1,a\n2,b\n3\n4,d\n")?;
    fs::write(files.join("d/c.json"), "[{\"id\":5},{\"id\":6},oops]")?;
    fs::write(files.join("d/good.ndjson"), "{\"id\":7}\n")?;
    std::os::unix::fs::symlink("/no/such/file", files.join("d/gone.ndjson"))?;
    let (dir, data, port) =
        (files.display().to_string(), folder.arg(), running.kafka_port().to_owned());
    let collect = async |more: &[&str]| {
        let all = [
            &[
                "collect",
                &dir,
                "--data-dir",
                &data,
                "--kafka-port",
                &port,
                "--topics",
                "+csv=events",
                "--files",
                "=csv",
            ][..],
            more,
        ]
        .concat();
        weir(&all).await
    };
    let said = collect(&[]).await?;
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (Some(1), "6 values of 4 files sent, 0 files unchanged since they were collected\n"),
        "{said:?}"
    );
    for line in [
        "d/a.csv, line 2: the value is not UTF-8: give the encoding of the file (--encoding, ENCODING)",
        "d/b.csv, line 4: the row has 1 cells, but the header has 2",
        "d/c.json, line 1: an object must begin with {, but the next character is \"o\"",
        "d/gone.ndjson: No such file",
        "unreadable values: 3 (see `weir failures list`), failed files: 1 (see the lines above)",
    ] {
        assert!(said.stderr.contains(line), "{line}: {}", said.stderr);
    }
    let sql = folder.sql().await?;
    let kept = "SELECT count(*) FROM failures";
    until_count(&sql, "SELECT count(*) FROM events WHERE payload ->> 'id' IS NOT NULL", 6).await?;
    // No record is sent again, and the unreadable parts still make the exit status 1.
    let said = collect(&[]).await?;
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (Some(1), "0 values of 0 files sent, 4 files unchanged since they were collected\n"),
        "{said:?}"
    );
    assert!(
        said.stderr
            .contains("d/a.csv: unchanged since it was collected; 1 of its values are unreadable"),
        "{said:?}"
    );
    fs::remove_file(files.join("d/gone.ndjson"))?;
    fs::remove_file(files.join("d/b.csv"))?;
    fs::remove_file(files.join("d/c.json"))?;
    let said = collect(&["--again", "--encoding", "windows-1252"]).await?;
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (Some(0), "2 values of 2 files sent, 0 files unchanged since they were collected\n"),
        "{said:?}"
    );
    until_count(&sql, "SELECT count(*) FROM events WHERE payload ->> 'name' = 'Müller'", 1).await?;
    assert!(count(&sql, kept).await? >= 2, "the two that are no JSON");
    for wrong in [&["--encoding", "ebcdic"][..], &["--delimiter", "ab"], &["--types", "a=int"]] {
        assert_eq!(collect(wrong).await?.code, Some(2), "{wrong:?}");
    }
    Ok(())
}
