//! A database with roles, the function `admin`, and an AWS with its two services.

use std::{
    process::{Output, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    sync::OnceCell,
};
use tokio_postgres::Client;
use weir_model::{KafkaBatch, Topics, TopicsConfig};
use weir_store::{DatabaseConfig, DatabaseRoles, Store, Writer, migrate};
use weir_testkit::{Database, FunctionError, KafkaEvent, Record, RuntimeApi};

/// The time limit of an invocation.
pub(crate) const LIMIT: Duration = Duration::from_mins(2);
/// The name of the stack.
pub(crate) const STACK: &str = "shop";
/// The ARN that the emulated STS returns.
pub(crate) const ARN: &str = "arn:aws:sts::123456789012:assumed-role/Operator/ada";
/// Roles belong to the whole server.
const PASSWORD: &str = "operator";
const ID: &str = "7a7fb4a6-4b0e-4b43-9d50-b7a29d9fb3b1";

/// Whether the role has its password.
static OPENED: OnceCell<()> = OnceCell::const_new();

pub(crate) struct World {
    pub database: Database,
    pub sql: Client,
    pub runtime: Arc<RuntimeApi>,
    /// The address of the emulated AWS.
    pub aws: String,
    pub folder: TempDir,
}

impl World {
    pub(crate) async fn new() -> Result<Self> {
        let database = Database::empty().await?;
        let store = Store::new(&DatabaseConfig::from_url(database.url()))?;
        let (models, none) = (weir::models(), Vec::new());
        migrate::run_with_roles(&store, &models, &none, DatabaseRoles::Password).await?;
        let sql = database.client().await?;
        let open = async || {
            let password = format!("ALTER ROLE weir_operator PASSWORD '{PASSWORD}'");
            sql.batch_execute(&password).await
        };
        OPENED.get_or_try_init(open).await?;
        let runtime = Arc::new(RuntimeApi::start().await?);
        let aws = aws(runtime.clone()).await?;
        Ok(Self { database, sql, runtime, aws, folder: tempfile::tempdir()? })
    }

    /// Returns the URL of the function's database user.
    pub(crate) fn operator_url(&self) -> Result<String> {
        let url = self.database.url();
        let place = url.rsplit_once('@').context("a place")?.1;
        Ok(format!("postgresql://weir_operator:{PASSWORD}@{place}"))
    }

    /// Returns the variables of the function.
    pub(crate) fn variables(&self) -> Result<Vec<(&'static str, String)>> {
        let mut variables = self.of_aws();
        variables.extend([
            ("DATABASE_URL", self.operator_url()?),
            ("BLOB_URL", format!("file://{}", self.folder.path().display())),
            ("AWS_LAMBDA_FUNCTION_NAME", format!("{STACK}-admin")),
            ("KAFKA_PROPERTIES", "sasl.password=hunter2".to_owned()),
        ]);
        Ok(variables)
    }

    fn of_aws(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.aws.clone()),
            ("AWS_REGION", "eu-west-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ]
    }

    /// Starts the function.
    pub(crate) fn start(&self, more: &[(&str, &str)]) -> Result<Child> {
        let mut command = self.runtime.command(env!("CARGO_BIN_EXE_admin"));
        command.envs(self.variables()?).envs(more.iter().copied());
        Ok(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?)
    }

    /// Runs `weir --aws STACK …` on the machine of a person.
    pub(crate) async fn weir(&self, line: &str) -> Result<Ended> {
        Ended::of(self.command(&format!("--aws {STACK} {line}")).output().await?)
    }

    /// Returns the command of `weir` with the AWS settings of a person.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        command
            .args(line.split_whitespace())
            .envs(self.of_aws())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Sends an event to the function.
    pub(crate) async fn invoke(&self, event: &Value) -> Result<Value, FunctionError> {
        self.runtime.invoke(event.to_string().into(), LIMIT).await
    }

    /// Stores records through the write path.
    pub(crate) async fn deliver(&self, records: Vec<Record>) -> Result<()> {
        let models = weir::models();
        let topics = Topics::new(&TopicsConfig::default(), &models)?;
        let store = Store::new(&DatabaseConfig::from_url(self.database.url()))?;
        let writer = Writer::new(store, models, topics, "weir");
        let event = KafkaEvent::new(records).to_bytes();
        writer.write(&KafkaBatch::parse(&event)?, LIMIT).await?;
        Ok(())
    }

    pub(crate) async fn count(&self, query: &str) -> Result<i64> {
        Ok(self.sql.query_one(query, &[]).await?.try_get(0)?)
    }

    /// Returns the rows of the audit, the first one first.
    pub(crate) async fn audit(&self) -> Result<Vec<String>> {
        let rows = "SELECT concat_ws(' ', source, actor_proof, actor, action, outcome, exit_status)
            FROM audit ORDER BY began_at";
        let rows = self.sql.query(rows, &[]).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}

/// The end of a command.
#[derive(Debug)]
pub(crate) struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    pub(crate) fn of(output: Output) -> Result<Self> {
        Ok(Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        })
    }

    /// Returns the output of a command that succeeded.
    pub(crate) fn success(self) -> Result<String> {
        ensure!(self.code == Some(0), "{self:?}");
        Ok(self.stdout)
    }
}

/// Returns an event that runs a command.
pub(crate) fn run(line: &str) -> Value {
    let arguments: Vec<&str> = line.split_whitespace().collect();
    json!({"run": {"id": ID, "arguments": arguments, "actor": "someone"}})
}

/// Returns readings, the first at this offset of its partition.
pub(crate) fn readings(partition: i32, offsets: std::ops::Range<i64>) -> Vec<Record> {
    let record = |n: i64| {
        let at = weir_model::Micros(1_700_000_000_000_000 + n * 1_000_000).rfc3339_millis();
        let value = json!({"sensor": format!("speed{partition}"), "value": n, "timestamp": at});
        Record {
            topic: "readings".into(),
            partition,
            offset: n,
            value: value.to_string().into(),
            ..Record::default()
        }
    };
    offsets.map(record).collect()
}

/// Starts the services Lambda and STS of an AWS.
async fn aws(runtime: Arc<RuntimeApi>) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let app = Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(invoke))
        .route("/", get(identity))
        .with_state(runtime);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

async fn invoke(
    State(runtime): State<Arc<RuntimeApi>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    event: Bytes,
) -> Response {
    let is_signed = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("/eu-west-1/lambda/aws4_request"));
    if !is_signed {
        return (StatusCode::FORBIDDEN, Json(json!({"Message": "not signed"}))).into_response();
    }
    if name != format!("{STACK}-admin") {
        let message = format!("Function not found: {name}");
        return (StatusCode::NOT_FOUND, Json(json!({"Message": message}))).into_response();
    }
    match runtime.invoke(event.to_vec(), LIMIT).await {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => {
            let failed = Json(json!({"errorMessage": error.to_string()}));
            ([("X-Amz-Function-Error", "Unhandled")], failed).into_response()
        }
    }
}

/// Answers as STS does to a request with a signature that contains the purpose.
async fn identity(Query(query): Query<Vec<(String, String)>>, headers: HeaderMap) -> Response {
    let value = |name: &str| {
        query.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value.as_str())
    };
    let is_ours = value("Action") == "GetCallerIdentity"
        && value("X-Amz-Credential").starts_with("AKIDEXAMPLE/")
        && value("X-Amz-SignedHeaders").contains("x-weir-use")
        && headers.contains_key("x-weir-use");
    if !is_ours {
        return StatusCode::FORBIDDEN.into_response();
    }
    Json(json!({"GetCallerIdentityResponse": {"GetCallerIdentityResult": {"Arn": ARN}}}))
        .into_response()
}
