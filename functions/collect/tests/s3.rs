//! Files of a bucket, collected by the function. `tests/external/moto/run` starts an S3 server and
//! these tests.

#[path = "routes/broker.rs"]
mod broker;
#[path = "function/child.rs"]
mod child;

use std::{io::Write, time::Duration};

use anyhow::{Context, Result, ensure};
use axum::http::Method;
use flate2::{Compression, write::GzEncoder};
use object_store::{
    ObjectStoreExt, PutPayload,
    aws::AmazonS3,
    path::Path,
    signer::{SignedUrlOptions, Signer},
};
use serde_json::{Value, json};
use tokio::process::Command;

use child::CollectFunctionWorld;

const LIMIT: Duration = Duration::from_mins(1);
const FILES: &str = "in/boats/=readings,in/=orders";

/// Creates the bucket. Also returns the function's variables for it.
async fn bucket(name: &str) -> Result<(AmazonS3, Vec<(&'static str, String)>)> {
    #[expect(clippy::disallowed_methods, reason = "the script says where it is")]
    let endpoint = std::env::var("WEIR_TEST_S3")
        .context("an S3 is missing: run tests/external/moto/run, which starts one")?;
    let made = reqwest::Client::new()
        .put(format!("{endpoint}/{name}"))
        .header(
            "Authorization",
            "AWS4-HMAC-SHA256 Credential=id/20260101/us-east-1/s3/aws4_request",
        )
        .send()
        .await?;
    ensure!(made.status().is_success(), "{}", made.text().await?);
    let store = weir_blob::s3(name)
        .with_endpoint(&endpoint)
        .with_allow_http(true)
        .with_region("us-east-1")
        .with_access_key_id("id")
        .with_secret_access_key("secret")
        .build()?;
    let told = vec![
        ("AWS_ENDPOINT", endpoint),
        ("AWS_ALLOW_HTTP", "true".into()),
        ("AWS_REGION", "us-east-1".into()),
        ("AWS_ACCESS_KEY_ID", "id".into()),
        ("AWS_SECRET_ACCESS_KEY", "secret".into()),
        ("FILES", FILES.into()),
        ("UPLOAD_URL", format!("s3://{name}/in")),
    ];
    Ok((store, told))
}

fn started<'c>(command: &'c mut Command, told: &[(&str, String)]) -> &'c mut Command {
    command.envs(told.iter().map(|(name, value)| (*name, value.as_str())))
}

fn notification(bucket: &str, keys: &[&str]) -> Value {
    let record = |key: &&str| json!({"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": bucket}, "object": {"key": key, "size": 1}}});
    json!({"Records": keys.iter().map(record).collect::<Vec<_>>()})
}

fn reading(n: usize) -> String {
    format!(r#"{{"sensor":"speed","value":{n},"timestamp":"2026-01-01T00:00:{:02}Z"}}"#, n % 60)
}

#[tokio::test]
#[ignore = "needs an S3: bash tests/external/moto/run"]
async fn an_object_becomes_the_same_records_each_time_that_it_is_told_of() -> Result<()> {
    let world = CollectFunctionWorld::new().await?;
    let (store, told) = bucket("told").await?;
    let _function = CollectFunctionWorld::start(started(&mut world.command(), &told))?;
    let lines: String = (0..1000).map(|n| reading(n) + "\n").collect();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(lines.as_bytes())?;
    let put = async |key: &str, bytes: Vec<u8>| {
        store.put(&Path::from(key), PutPayload::from(bytes)).await
    };
    put("in/boats/a b.ndjson.gz", gzip.finish()?).await?;
    put("in/boats/b.csv", b"sensor,value,timestamp\nfuel,1.5,2026-01-01T00:00:00Z\n".to_vec())
        .await?;
    put("in/orders.json", br#"[{"id":1},{"id":2}]"#.to_vec()).await?;
    let keys = ["in/boats/a+b.ndjson.gz", "in/boats/b.csv", "in/orders.json"];
    for _ in 0..2 {
        assert_eq!(world.invoke(&notification("told", &keys)).await?, json!(null));
    }
    let stored = world.broker.stored("readings");
    assert_eq!(stored.len(), 2002);
    assert_eq!(stored[..1001], stored[1001..]);
    let first = &stored[0];
    assert_eq!((first.key.as_deref(), first.value.as_str()), (Some("speed"), reading(0).as_str()));
    let said = |name: &str| first.headers.get(name).map(String::as_str);
    assert_eq!(
        (said("weir_file"), said("weir_file_line")),
        (Some("in/boats/a b.ndjson.gz"), Some("1"))
    );
    assert_eq!(
        (stored[1000].value.as_str(), stored[1000].headers["weir_file_line"].as_str()),
        (r#"{"sensor":"fuel","value":"1.5","timestamp":"2026-01-01T00:00:00Z"}"#, "2")
    );
    assert_eq!(world.broker.values("orders").len(), 4);
    // Each record has the object's own time, so that copies have the same content.
    assert!(stored.iter().all(|one| one.timestamp_ms == first.timestamp_ms
        || one.headers["weir_file"] != first.headers["weir_file"]));
    Ok(())
}

#[tokio::test]
#[ignore = "needs an S3: bash tests/external/moto/run"]
async fn a_bad_object_costs_no_other_and_each_byte_of_it_is_kept() -> Result<()> {
    let world = CollectFunctionWorld::new().await?;
    let (store, told) = bucket("bad").await?;
    let mut command = world.command();
    command.env("TYPES", "id=number");
    let _function = CollectFunctionWorld::start(started(&mut command, &told))?;
    let put = async |key: &str, bytes: &[u8]| {
        store.put(&Path::from(key), PutPayload::from(bytes.to_vec())).await
    };
    let packed = [&b"\x28\xb5\x2f\xfd"[..], &[7; 100]].concat();
    put("in/a.ndjson.zst", &packed).await?;
    put("in/b.ndjson", b"{\"id\":1}\n\xff\n").await?;
    put("in/c.csv", b"id;x\n2;a\n3\nb;4\n").await?;
    put("other/x.ndjson", b"{}").await?;
    put("in/d.ndjson", b"{\"id\":5}\n").await?;
    let read = ["in/a.ndjson.zst", "in/b.ndjson", "in/c.csv", "in/d.ndjson"];
    assert_eq!(
        world.invoke(&notification("bad", &read)).await?,
        json!(null),
        "each byte is stored"
    );
    let (bad, good): (Vec<_>, Vec<_>) = world
        .broker
        .stored("orders")
        .into_iter()
        .partition(|one| one.headers.contains_key("weir-error"));
    assert_eq!(
        good.iter().map(|one| one.value.as_str()).collect::<Vec<_>>(),
        [r#"{"id":1}"#, r#"{"id":2,"x":"a"}"#, r#"{"id":5}"#]
    );
    let bad: Vec<(&[u8], &str)> =
        bad.iter().map(|one| (one.bytes.as_slice(), one.headers["weir-error"].as_str())).collect();
    assert_eq!(
        bad,
        [
            (
                &packed[..],
                "in/a.ndjson.zst:1: the file is zstd: decompress it first, because only gzip is supported"
            ),
            (
                b"\xff",
                "in/b.ndjson:2: the value is not UTF-8: give the encoding of the file (--encoding, ENCODING)"
            ),
            (b"3", "in/c.csv:3: the row has 1 cells, but the header has 2"),
            (b"b;4", "in/c.csv:4: column \"id\": \"b\" is not valid JSON of type number"),
        ]
    );
    // An object that is missing or has no topic makes the invocation fail. The other objects are
    // still collected.
    for wrong in ["in/gone.ndjson", "other/x.ndjson"] {
        let before = world.broker.values("orders").len();
        let failed = world.invoke(&notification("bad", &[wrong, "in/d.ndjson"])).await;
        assert!(
            failed.as_ref().is_err_and(|error| error.to_string().contains(wrong)),
            "{failed:?}"
        );
        assert_eq!(world.broker.values("orders").len(), before + 1, "{wrong}");
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs an S3: bash tests/external/moto/run"]
async fn what_is_put_with_a_signed_url_is_collected() -> Result<()> {
    let world = CollectFunctionWorld::new().await?;
    let (store, told) = bucket("signed").await?;
    let _function = CollectFunctionWorld::start(started(&mut world.command(), &told))?;
    let (status, upload) = world.post("/ingest/upload?topic=readings", json!({}), "").await?;
    assert_eq!(status, 200, "{upload}");
    let url = upload["url"].as_str().context("a URL")?;
    let put = reqwest::Client::new().put(url).body(reading(1)).send().await?;
    ensure!(put.status().is_success(), "{}", put.text().await?);
    let key =
        url.split_once("/signed/").and_then(|(_, rest)| rest.split_once('?')).context("a key")?.0;
    assert_eq!(store.get(&Path::from(key)).await?.bytes().await?, reading(1));
    // The rule of the bucket removes an object with the tag, and no other object.
    let tags = async |key: &str| {
        let options = SignedUrlOptions::default().with_query([("tagging", "")]);
        let url = store.signed_url_opts(Method::GET, &Path::from(key), LIMIT, &options).await?;
        anyhow::Ok(reqwest::get(url).await?.error_for_status()?.text().await?)
    };
    let (is_tagged, tag) = ("<Value>collected</Value>", "<Key>weir</Key>");
    assert!(!tags(key).await?.contains(is_tagged));
    world.invoke(&notification("signed", &[key])).await?;
    assert_eq!(world.broker.values("readings"), [reading(1)]);
    let given = tags(key).await?;
    assert!(given.contains(is_tagged) && given.contains(tag), "{given}");

    store.put(&Path::from("other/x.ndjson"), PutPayload::from("{}")).await?;
    assert!(world.invoke(&notification("signed", &["other/x.ndjson"])).await.is_err());
    assert!(!tags("other/x.ndjson").await?.contains(is_tagged));
    Ok(())
}
