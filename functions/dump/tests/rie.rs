//! Tests the function with AWS's Runtime Interface Emulator, as it ships in aws-sam-cli. Started by
//! `tests/external/rie/run`, which also starts an S3.

#[path = "function/world.rs"]
mod world;

use anyhow::{Context, Result, ensure};
use weir_testkit::{Emulator, sample_event};

const BUCKET: &str = "weir-rie";

#[tokio::test]
#[ignore = "needs AWS's emulator: bash tests/external/rie/run"]
async fn a_day_goes_to_s3_through_awss_own_emulator() -> Result<()> {
    #[expect(clippy::disallowed_methods, reason = "the script says where it is")]
    let s3 = std::env::var("WEIR_TEST_S3")
        .context("an S3 is missing: run tests/external/rie/run, which starts one")?;
    // moto does not check the signature, but it reads the user from it.
    let signature = "AWS4-HMAC-SHA256 Credential=id/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
    let client = reqwest::Client::new();
    let made =
        client.put(format!("{s3}/{BUCKET}")).header("Authorization", signature).send().await?;
    ensure!(made.status().is_success(), "{}", made.text().await?);

    let database = world::database().await?;
    let emulator = Emulator::start(
        env!("CARGO_BIN_EXE_dump"),
        &[
            ("DATABASE_URL", &database.url()),
            ("BLOB_URL", &format!("s3://{BUCKET}/dumps")),
            ("AWS_ENDPOINT_URL", &s3),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ],
    )
    .await?;
    let answer = emulator.invoke(&sample_event("dump")?).await?;
    assert_eq!((&answer["rows"], &answer["left"]), (&3.into(), &0.into()), "{answer}");
    let answer = emulator.invoke(&sample_event("dump-day")?).await?;
    assert_eq!(answer["rows"], 3, "{answer}");
    let listed = client
        .get(format!("{s3}/{BUCKET}?list-type=2"))
        .header("Authorization", signature)
        .send()
        .await?
        .text()
        .await?;
    for file in ["2026-01-01", "readings", "manifest"] {
        assert!(listed.contains(file), "{file}: {listed}");
    }
    let wrong = emulator.invoke(b"{}").await?.to_string();
    assert!(wrong.contains("scheduled_time"), "{wrong}");
    Ok(())
}
