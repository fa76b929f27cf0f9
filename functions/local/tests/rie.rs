//! The functions together under AWS's Runtime Interface Emulator, with moto as Secrets Manager:
//! commands in `admin`, a rotated secret, and a deployment that is rolled back.
//! `tests/external/rie/run` starts these tests.
#![allow(clippy::disallowed_methods, reason = "the script says where the servers are")]

use std::path::Path;

use anyhow::{Context, Result, ensure};
use rdkafka::mocking::MockCluster;
use refinery_core::{Migration, Runner};
use serde_json::{Value, json};
use weir_store::{
    DatabaseConfig, DatabaseRoles, Store,
    migrate::{self, CORE},
};
use weir_testkit::{Database, Emulator, sample_event};

const PASSWORD: &str = "first";

/// Returns the path of another function, which cargo has built too.
fn function(name: &str) -> Result<String> {
    let path = Path::new(env!("CARGO_BIN_EXE_admin")).with_file_name(name);
    Ok(path.to_str().context("UTF-8")?.to_owned())
}

async fn database() -> Result<Database> {
    let database = Database::empty().await?;
    let store = Store::new(&DatabaseConfig::from_url(database.url()))?;
    let models = weir::models();
    migrate::run_with_roles(&store, &models, &Vec::new(), DatabaseRoles::Password).await?;
    Ok(database)
}

/// Returns the URL of a database without its user.
fn place(database: &Database) -> Result<String> {
    let url = database.url();
    Ok(format!("postgresql://{}", url.rsplit_once('@').context("a place")?.1))
}

/// Runs a command in the function, and returns its status and its output.
async fn command(admin: &Emulator, n: u32, line: &str) -> Result<(u64, String)> {
    let id = format!("00000000-0000-4000-8000-{n:012}");
    let arguments: Vec<&str> = line.split(' ').collect();
    let event = json!({"run": {"id": id, "arguments": arguments, "actor": "ada"}});
    let answer = admin.invoke(event.to_string().as_bytes()).await?;
    let status = answer["next"]["ended"].as_u64().with_context(|| format!("{line}: {answer}"))?;
    let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
    Ok((status, text("stdout") + &text("stderr")))
}

#[tokio::test]
#[ignore = "needs AWS's emulator: bash tests/external/rie/run"]
async fn commands_run_through_awss_own_emulator_and_are_in_the_audit() -> Result<()> {
    let (database, folder) = (database().await?, tempfile::tempdir()?);
    let sql = database.client().await?;
    sql.batch_execute(&format!("ALTER ROLE weir_operator PASSWORD '{PASSWORD}'")).await?;
    let kafka = MockCluster::new(1)?;
    for topic in ["readings", "build_events", "cdevents"] {
        kafka.create_topic(topic, 1, 1)?;
    }
    let keys = folder.path().join("keys");
    std::fs::write(&keys, "# no key\n")?;
    let url = place(&database)?.replace("//", &format!("//weir_operator:{PASSWORD}@"));
    let variables = [
        ("DATABASE_URL", url.as_str()),
        ("BLOB_URL", &format!("file://{}", folder.path().display())),
        ("KAFKA_URL", &kafka.bootstrap_servers()),
        ("API_KEYS_FILE", &keys.display().to_string()),
    ];
    let admin = Emulator::start(env!("CARGO_BIN_EXE_admin"), &variables).await?;
    let owner = database.url();
    let ingest = Emulator::start(&function("ingest")?, &[("DATABASE_URL", &owner)]).await?;
    for event in ["msk", "msk-poison"] {
        ingest.invoke(&sample_event(event)?).await?;
    }
    let lines = [
        ("failures list", 0, "1 of 1 failures"),
        ("failures retry --all", 1, "0 stored, 0 skipped, 1 refused again"),
        ("replay --model readings --yes", 0, "readings rebuilt: "),
        ("dump --dump-date 2026-01-01", 0, "dumped readings 2026-01-01: 3 rows"),
        ("dump status", 0, "2026-01-01 dumped"),
        ("retention --keep 400d --dry-run", 0, "readings is kept forever"),
        ("keys list", 0, "has no key"),
        ("reconcile", 1, "partitions compared"),
        ("failures show readings-9-9", 2, "weir: "),
    ];
    for (n, (line, status, says)) in (1..).zip(lines) {
        let (ended, said) = command(&admin, n, line).await?;
        assert!(ended == status && said.contains(says), "{line}: {ended} {said}");
    }
    let rows = "SELECT concat_ws(' ', action, exit_status) FROM audit WHERE ended_at IS NOT NULL AND source = 'admin' AND database_user = 'weir_operator' ORDER BY began_at";
    let rows: Vec<String> = sql.query(rows, &[]).await?.iter().map(|row| row.get(0)).collect();
    let wanted = lines.map(|(line, status, _)| format!("{line} {status}"));
    assert_eq!(rows, wanted);
    Ok(())
}

/// A client of Secrets Manager. moto does not check signatures.
struct Secrets {
    http: reqwest::Client,
    url: String,
}

impl Secrets {
    fn new() -> Result<Self> {
        let url = std::env::var("WEIR_TEST_S3")
            .context("moto is missing: run tests/external/rie/run, which starts it")?;
        Ok(Self { http: reqwest::Client::new(), url })
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

/// Secrets Manager rotates the secret of a role while the functions run.
#[tokio::test]
#[ignore = "needs AWS's emulator: bash tests/external/rie/run"]
async fn a_function_takes_the_rotated_secret_with_its_next_connection() -> Result<()> {
    let (database, secrets) = (database().await?, Secrets::new()?);
    let sql = database.client().await?;
    // A member has the rights of a role, and no other test changes its password.
    let roles = [("rotated_ingest", "weir_ingest"), ("rotated_operator", "weir_operator")];
    let secret =
        |user: &str, password: &str| json!({"username": user, "password": password}).to_string();
    let token = |n: u32| format!("00000000-0000-4000-8000-{n:012}");
    let mut arns = Vec::new();
    for (n, (user, role)) in (1..).zip(roles) {
        let login = format!("CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}' IN ROLE {role}");
        sql.batch_execute(&login).await?;
        let body = json!({"Name": format!("rie/{user}"), "SecretString": secret(user, PASSWORD), "ClientRequestToken": token(n)});
        let made = secrets.ask("CreateSecret", body).await?;
        arns.push(made["ARN"].as_str().context("an ARN")?.to_owned());
    }
    let url = place(&database)?;
    let variables = |arn| {
        [
            ("DATABASE_URL", url.as_str()),
            ("DATABASE_SECRET_ARN", arn),
            ("AWS_ENDPOINT_URL", &secrets.url),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ]
    };
    let ingest = Emulator::start(&function("ingest")?, &variables(&arns[0])).await?;
    let admin = Emulator::start(env!("CARGO_BIN_EXE_admin"), &variables(&arns[1])).await?;
    let stored = json!({"batchItemFailures": []});
    assert_eq!(ingest.invoke(&sample_event("msk")?).await?, stored);
    assert_eq!(command(&admin, 1, "failures list").await?.0, 0);

    for (n, ((user, _), arn)) in (3..).zip(roles.iter().zip(&arns)) {
        let body = json!({"SecretId": arn, "SecretString": secret(user, "second"), "ClientRequestToken": token(n)});
        secrets.ask("PutSecretValue", body).await?;
        sql.batch_execute(&format!("ALTER ROLE {user} PASSWORD 'second'")).await?;
        let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = $1";
        sql.execute(end, &[user]).await?;
    }
    assert_eq!(ingest.invoke(&sample_event("msk-poison")?).await?, stored);
    let (status, said) = command(&admin, 2, "failures list").await?;
    assert!(status == 0 && said.contains("1 of 1 failures"), "{said}");
    assert_eq!(sql.query_one("SELECT count(*) FROM events", &[]).await?.get::<_, i64>(0), 5);
    Ok(())
}

/// A migration of the next release fails, CloudFormation gets the reason and rolls back, and the
/// functions of the release before go on with their schema.
#[tokio::test]
#[ignore = "needs AWS's emulator: bash tests/external/rie/run"]
async fn a_failed_migration_leaves_the_functions_running() -> Result<()> {
    let database = Database::empty().await?;
    let mut sql = database.client().await?;
    // The schema before the newest migration, and a table that makes this migration fail.
    let before = &CORE[..CORE.len() - 1];
    let steps = before
        .iter()
        .map(|step| Migration::unapplied(&format!("V{}__{}", step.version, step.name), step.sql));
    let steps = steps.collect::<Result<Vec<_>, _>>()?;
    let mut runner = Runner::new(&steps);
    runner.set_migration_table_name("schema_history");
    runner.run_async(&mut sql).await?;
    sql.batch_execute("SELECT make_event_months(1); CREATE TABLE audit (mine text)").await?;
    let url = database.url();
    let ingest = Emulator::start(&function("ingest")?, &[("DATABASE_URL", &url)]).await?;
    let stored = json!({"batchItemFailures": []});
    assert_eq!(ingest.invoke(&sample_event("msk")?).await?, stored);

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let answers = format!("http://{}/answer", listener.local_addr()?);
    let app = axum::Router::new().route("/answer", axum::routing::put(async || ()));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let migrate = Emulator::start(&function("migrate")?, &[("DATABASE_URL", &url)]).await?;
    let ask = async |kind: &str| {
        let event = json!({"RequestType": kind, "ResponseURL": answers, "StackId": "s", "RequestId": "r", "LogicalResourceId": "Schema", "ResourceProperties": {}});
        migrate.invoke(event.to_string().as_bytes()).await
    };
    let answer = ask("Update").await?;
    assert_eq!(answer["Status"], "FAILED", "{answer}");
    let reason = answer["Reason"].as_str().unwrap_or_default();
    assert!(reason.contains("\"audit\" already exists"), "{answer}");
    let newest = "SELECT max(version)::bigint FROM schema_history";
    let newest: i64 = sql.query_one(newest, &[]).await?.try_get(0)?;
    assert_eq!(usize::try_from(newest)?, before.len(), "the schema is the one before");

    // The running function, and one that starts now.
    assert_eq!(ingest.invoke(&sample_event("msk-poison")?).await?, stored);
    let again = Emulator::start(&function("ingest")?, &[("DATABASE_URL", &url)]).await?;
    assert_eq!(again.invoke(&sample_event("msk")?).await?, stored);
    assert_eq!(sql.query_one("SELECT count(*) FROM events", &[]).await?.get::<_, i64>(0), 5);
    // After the repair, the deployment succeeds.
    sql.batch_execute("DROP TABLE audit").await?;
    assert_eq!(ask("Update").await?["Status"], "SUCCESS");
    Ok(())
}
