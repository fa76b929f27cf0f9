//! Dumps without injected faults: dump, list, download by a signed URL, verify, restore, and
//! requests that must fail.

use std::time::Duration;

use anyhow::{Context, Result};
use weir_testkit::Database;

use crate::{
    common::{self, Folder, ended},
    server::{self, S3, filled, weir},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an S3 server: bash tests/external/s3/run"]
async fn a_day_goes_to_s3_and_comes_back() -> Result<()> {
    let s3 = S3::start()?;
    let (database, sql) = filled().await?;
    let args = ["dump", "--dump-date", "2026-01-01", "--formats", "json,csv,parquet"];
    let dumped = weir(&s3.url, &database, &args).await?;
    assert_eq!(dumped.code, Some(0), "{dumped:?}");
    assert!(
        dumped.stdout.contains("dumped readings 2026-01-01: 480 rows")
            && dumped.stdout.contains("dumped events 2026-01-01: 400 rows"),
        "{dumped:?}"
    );
    let names: Vec<String> =
        s3.objects()?.into_keys().filter(|name| name.contains("readings/")).collect();
    let day = "dt=2026-01-01";
    assert_eq!(
        names,
        [
            format!("_manifests/readings/{day}.json"),
            format!("readings/csv/{day}/part-00000.csv.gz"),
            format!("readings/json/{day}/part-00000.json.gz"),
            format!("readings/parquet/{day}/part-00000.parquet"),
        ]
        .map(|name| format!("{}{name}", server::PREFIX))
    );
    let log = &s3.manifests()?["events 2026-01-01"];
    assert!(log.files.iter().any(|f| f.bytes > 11 * 1024 * 1024), "several parts: {log:?}");
    assert_eq!(s3.left_parts()?, Vec::<String>::new());

    let verified = weir(&s3.url, &database, &["dump", "verify"]).await?;
    assert!(
        verified.code == Some(0)
            && verified.stdout.contains("equal events 2026-01-01: 400 rows in 3 files"),
        "{verified:?}"
    );
    let status = weir(&s3.url, &database, &["dump", "status", "--to", "2026-01-02"]).await?;
    assert!(
        status.stdout.contains("readings     2026-01-01 dumped")
            && status.stdout.contains("readings     2026-01-02 missing"),
        "{status:?}"
    );

    let other = Database::create("s3_empty", async |url: String| {
        let store = weir_store::Store::new(&weir_store::DatabaseConfig::from_url(url))?;
        weir_store::migrate::run(&store, &weir_model::models::builtin(), &Vec::new()).await?;
        Ok(())
    })
    .await?;
    for model in ["events", "readings"] {
        let restored =
            weir(&s3.url, &other, &["restore", "--model", model, "--day", "2026-01-01"]).await?;
        assert_eq!(restored.code, Some(0), "{restored:?}");
    }
    let there = other.client().await?;
    for rows in [
        "SELECT md5(string_agg(r::text, ' ' ORDER BY r::text)) FROM readings r WHERE \"timestamp\" < '2026-01-02'",
        "SELECT md5(string_agg(e::text, ' ' ORDER BY e::text)) FROM events e",
    ] {
        let (a, b): (String, String) = (
            sql.query_one(rows, &[]).await?.try_get(0)?,
            there.query_one(rows, &[]).await?.try_get(0)?,
        );
        assert_eq!(a, b);
    }
    Ok(())
}

/// The program's routes with S3 redirect to a signed URL, which is valid for a limited time and for
/// one file only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an S3 server: bash tests/external/s3/run"]
async fn a_file_is_downloaded_by_a_signed_url() -> Result<()> {
    let s3 = S3::start()?;
    let (database, _sql) = filled().await?;
    let dumped =
        weir(&s3.url, &database, &["dump", "--dump-date", "2026-01-03", "--models", "readings"])
            .await?;
    assert_eq!(dumped.code, Some(0), "{dumped:?}");
    let folder = Folder::new()?;
    let serve = ["--data-dir", &folder.arg(), "--port", "0", "--kafka-port", "0", "--no-sample"];
    let mut child =
        server::command(&s3.url, &database, &serve).stdout(std::process::Stdio::piped()).spawn()?;
    let out = child.stdout.take().context("its stdout")?;
    let found = common::running::ask_blocking(move || {
        let lines = std::io::BufRead::lines(std::io::BufReader::new(out));
        Ok(lines
            .map_while(Result::ok)
            .find_map(|line| line.trim().strip_prefix("HTTP").map(|url| url.trim().to_owned())))
    })
    .await?;
    let done = async {
        let http = found.context("no address")?;
        let client =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
        let name = "json/dt=2026-01-03/part-00000.json.gz";
        let path = format!("{http}/dumps/readings/2026-01-03/{name}");
        let answer = client.get(&path).send().await?;
        assert_eq!(answer.status().as_u16(), 302);
        let signed = answer.headers()["location"].to_str()?.to_owned();
        let file = client.get(&signed).send().await?;
        assert_eq!(file.status().as_u16(), 200);
        let object = s3
            .objects()?
            .remove(&format!("{}readings/{name}", server::PREFIX))
            .context("the object")?;
        assert_eq!(file.bytes().await?.to_vec(), std::fs::read(object)?);
        // A changed name and an unsigned URL are refused.
        let other = signed.replace(".json.gz", ".parquet").replace("/json/", "/parquet/");
        let unsigned = signed.split('?').next().unwrap_or_default().to_owned();
        for bad in [other, unsigned] {
            assert_eq!(client.get(&bad).send().await?.status().as_u16(), 403, "{bad}");
        }
        anyhow::Ok(())
    }
    .await;
    common::folder::signal(child.id(), "INT");
    common::running::ask_blocking(move || child.wait()).await?;
    done
}

/// An expired URL is refused. The library signs it in the same way as the route, for one second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an S3 server: bash tests/external/s3/run"]
async fn an_expired_url_is_refused() -> Result<()> {
    let s3 = S3::start()?;
    let (database, _sql) = filled().await?;
    let dumped =
        weir(&s3.url, &database, &["dump", "--dump-date", "2026-01-03", "--models", "readings"])
            .await?;
    assert_eq!(dumped.code, Some(0), "{dumped:?}");
    let store = weir_blob::s3(server::BUCKET)
        .with_endpoint(&s3.url)
        .with_allow_http(true)
        .with_region("us-east-1")
        .with_access_key_id(server::ACCESS_KEY)
        .with_secret_access_key(server::SECRET_KEY)
        .build()?;
    let path = object_store::path::Path::from("some/prefix/_manifests/readings/dt=2026-01-03.json");
    let signed = object_store::signer::Signer::signed_url(
        &store,
        http::Method::GET,
        &path,
        Duration::from_secs(1),
    )
    .await?;
    let client = reqwest::Client::new();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(client.get(signed).send().await?.status().as_u16(), 403);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an S3 server: bash tests/external/s3/run"]
async fn what_cannot_be_is_said_in_one_line() -> Result<()> {
    let s3 = S3::start()?;
    let (database, _sql) = filled().await?;
    let args = ["dump", "--dump-date", "2026-01-01", "--models", "readings"];
    let mut no_bucket = server::command(
        &s3.url,
        &database,
        &[&args[..], &["--blob-url", "s3://nowhere/x"]].concat(),
    );
    no_bucket.env("RUST_LOG", "off");
    let mut wrong_key = server::command(&s3.url, &database, &args);
    wrong_key.env("AWS_SECRET_ACCESS_KEY", "another");
    let mut unknown_key = server::command(&s3.url, &database, &args);
    unknown_key.env("AWS_ACCESS_KEY_ID", "nobody");
    for (command, says) in [
        (no_bucket, "the bucket of s3://nowhere/x does not exist"),
        (wrong_key, "no permission to"),
        (unknown_key, "no permission to"),
    ] {
        let mut quiet = command;
        quiet.args(["--log", "off"]);
        let ended = ended(quiet).await?;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(
            ended.stderr.contains(says) && ended.stderr.lines().count() == 1,
            "{says}: {ended:?}"
        );
        assert!(!ended.stderr.contains(server::SECRET_KEY), "{ended:?}");
    }
    assert!(s3.objects()?.is_empty());
    Ok(())
}
