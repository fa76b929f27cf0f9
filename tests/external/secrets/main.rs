//! Rotates the database's password during a stream of batches. `tests/external/secrets/run` starts
//! this test.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::Client;
use serde_json::{Value, json};
use weir_store::{DatabaseConfig, Store, Writer};
use weir_tests::{
    World,
    batches::{event, orders},
    deliver, models_and_topics,
};

const ROTATIONS: i64 = 100;

/// A client of Secrets Manager, with the requests of its SDKs. moto does not check signatures.
struct Secrets {
    http: Client,
    url: String,
}

impl Secrets {
    #[expect(clippy::disallowed_methods, reason = "the environment of the test")]
    fn new() -> Result<Self> {
        let url = std::env::var("AWS_ENDPOINT_URL")
            .context("moto is missing: run tests/external/secrets/run, which starts it")?;
        Ok(Self { http: Client::builder().timeout(Duration::from_secs(10)).build()?, url })
    }

    async fn ask(&self, action: &str, body: Value) -> Result<Value> {
        let answer = self
            .http
            .post(&self.url)
            .header("X-Amz-Target", format!("secretsmanager.{action}"))
            .header("Content-Type", "application/x-amz-json-1.1")
            .header(
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/secretsmanager/aws4_request, SignedHeaders=host, Signature=0",
            )
            .body(body.to_string())
            .send()
            .await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{action}: {status} {text}");
        Ok(serde_json::from_str(&text)?)
    }
}

/// Returns the content of a secret as RDS writes it.
fn secret(user: &str, password: &str) -> String {
    json!({"engine": "postgres", "username": user, "password": password}).to_string()
}

#[tokio::test]
#[ignore = "needs a Secrets Manager: bash tests/external/secrets/run"]
async fn a_hundred_rotations_cost_a_retried_batch_each_at_most_and_lose_nothing() -> Result<()> {
    let world = World::new().await?;
    let secrets = Secrets::new()?;
    let user = "rotated";
    let rotate = async |password: &str| -> Result<()> {
        Ok(world.sql.batch_execute(&format!("ALTER ROLE {user} PASSWORD '{password}'")).await?)
    };
    world.sql.batch_execute(&format!("CREATE ROLE {user} LOGIN SUPERUSER")).await?;
    rotate("p-0").await?;
    let made = secrets.ask("CreateSecret", json!({"Name": "weir/database", "SecretString": secret(user, "p-0"), "ClientRequestToken": "00000000-0000-4000-8000-000000000000"})).await?;
    let arn = made["ARN"].as_str().context("an ARN")?.to_owned();

    let url = world.database.url();
    let place = url.rsplit_once('@').context("a place")?.1;
    let config = DatabaseConfig {
        database_secret_arn: Some(arn.clone()),
        ..DatabaseConfig::from_url(format!("postgresql://{place}"))
    };
    let (models, topics) = models_and_topics()?;
    let writer = Writer::new(Store::new(&config)?, models, topics, "weir");

    let (mut next, mut retried) = (0, 0);
    for rotation in 1..=ROTATIONS {
        let password = format!("p-{rotation}");
        // A rotation as Secrets Manager does it: the database and the secret change one after the
        // other. Here the order alternates.
        let stored = json!({"SecretId": arn, "SecretString": secret(user, &password), "ClientRequestToken": format!("00000000-0000-4000-8000-{rotation:012}")});
        if rotation % 2 == 0 {
            rotate(&password).await?;
            secrets.ask("PutSecretValue", stored).await?;
        } else {
            secrets.ask("PutSecretValue", stored).await?;
            rotate(&password).await?;
        }
        // After a thaw or a failover all connections are closed, so the next batch must log in.
        world
            .sql
            .execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = $1",
                &[&user],
            )
            .await?;
        for _ in 0..3 {
            let report = deliver(&writer, event(orders(next..next + 10))).await?;
            assert_eq!(report.event_acknowledged, 10);
            assert!(report.retries <= 1, "rotation {rotation}: {} retries", report.retries);
            retried += i64::from(report.retries);
            next += 10;
        }
    }
    println!("{ROTATIONS} rotations in {next} records: {retried} retried batches");
    assert!(retried <= ROTATIONS, "at most one a rotation: {retried}");
    assert_eq!(world.count("SELECT count(*) FROM events").await?, next);
    assert_eq!(world.count("SELECT count(*) FROM failures").await?, 0);
    assert_eq!(world.count("SELECT count(*) FROM stream_gaps").await?, 0);
    Ok(())
}

#[tokio::test]
#[ignore = "needs a Secrets Manager: bash tests/external/secrets/run"]
async fn a_password_that_is_wrong_for_good_is_tried_twice_and_said() -> Result<()> {
    let world = World::new().await?;
    let secrets = Secrets::new()?;
    world.sql.batch_execute("CREATE ROLE refused LOGIN PASSWORD 'right'").await?;
    let made = secrets.ask("CreateSecret", json!({"Name": "weir/wrong", "SecretString": secret("refused", "wrong"), "ClientRequestToken": "00000000-0000-4000-8000-000000000001"})).await?;
    let url = world.database.url();
    let place = url.rsplit_once('@').context("a place")?.1;
    let arn = made["ARN"].as_str().map(str::to_owned);
    let config = DatabaseConfig {
        database_secret_arn: arn,
        ..DatabaseConfig::from_url(format!("postgresql://{place}"))
    };
    let error = Store::new(&config)?.ping().await.expect_err("refused").to_string();
    assert!(error.contains("28P01") && !error.contains("wrong"), "{error}");
    Ok(())
}
