//! Starts the function as a child process.

use std::{
    io::{Read, Write},
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Context;
use base64_simd::STANDARD;
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};
use weir_http::{Entry, Key, Scopes};
use weir_model::{KafkaBatch, Topics, models};
use weir_plugin::PluginsConfig;
use weir_store::{DatabaseConfig, Store, Writer, migrate};
use weir_testkit::{Database, KafkaEvent, Proxy, Record, RuntimeApi, eventually};

use crate::request::Request;

/// Maximum duration of an invocation.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// A database behind a proxy, an emulated Lambda runtime, and a list of keys.
pub(crate) struct ApiFunctionWorld {
    pub database: Database,
    pub proxy: Proxy,
    pub runtime: RuntimeApi,
    keys: NamedTempFile,
}

impl ApiFunctionWorld {
    pub(crate) async fn new() -> anyhow::Result<Self> {
        let plugins = weir_plugin::builtin().switched_on(&PluginsConfig {
            plugins: vec!["daily_totals".into()],
            ..PluginsConfig::default()
        });
        let plugins = plugins.map_err(anyhow::Error::msg)?;
        let migrated = async |url: String| {
            migrate::run(
                &Store::new(&DatabaseConfig::from_url(url))?,
                &models::builtin(),
                &plugins.database(),
            )
            .await?;
            Ok(())
        };
        let database = Database::create("api_function", migrated).await?;
        let proxy = Proxy::start(&database.url()).await?;
        let mut keys = NamedTempFile::new()?;
        writeln!(
            keys,
            "{}",
            Entry::new(
                "ci".parse().map_err(anyhow::Error::msg)?,
                Scopes::parse("read").context("scopes")?,
                &key()
            )
        )?;
        Ok(Self { database, proxy, runtime: RuntimeApi::start().await?, keys })
    }

    /// Returns the command that starts the function, without settings of access.
    pub(crate) fn command(&self) -> Command {
        let mut command = self.runtime.command(env!("CARGO_BIN_EXE_api"));
        command
            .env("DATABASE_URL", self.proxy.url(&self.database.url()))
            .env("PLUGINS", "daily_totals");
        command
    }

    /// The same command for an API Gateway that checks IAM.
    pub(crate) fn open(&self) -> Command {
        let mut command = self.command();
        command.env("AUTH", "iam");
        command
    }

    /// The same command with keys.
    pub(crate) fn locked(&self) -> Command {
        let mut command = self.command();
        command.env("API_KEYS_FILE", self.keys.path());
        command
    }

    /// Starts the function.
    pub(crate) fn start(&self, mut command: Command) -> anyhow::Result<Function<'_>> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("stdout")?).lines();
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = said.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                heard.lock().expect("whole").push(line);
            }
        });
        Ok(Function { world: self, said, child })
    }

    /// Delivers readings, one for each offset, each with a note of this length.
    pub(crate) async fn readings(&self, count: i64, note: usize) -> anyhow::Result<()> {
        let value = |n: i64| {
            let at = weir_model::Micros(1_700_000_000_000_000 + n * 1_000_000).rfc3339_millis();
            json!({"sensor": "speed", "value": n, "timestamp": at, "note": "x".repeat(note)})
                .to_string()
        };
        let record = |n| Record {
            topic: "readings".into(),
            offset: n,
            value: value(n).into(),
            ..Record::default()
        };
        let batch = KafkaBatch::parse(
            &KafkaEvent::new((0..count).map(record).collect::<Vec<_>>()).to_bytes(),
        )?;
        let (store, models) =
            (Store::new(&DatabaseConfig::from_url(self.database.url()))?, models::builtin());
        let topics = Topics::new(
            &weir_model::TopicsConfig {
                topics: "readings=readings".parse().map_err(anyhow::Error::msg)?,
                ..weir_model::TopicsConfig::default()
            },
            &models,
        )?;
        Writer::new(store, models, topics, "weir").write(&batch, LIMIT).await?;
        Ok(())
    }
}

/// A running function.
pub(crate) struct Function<'w> {
    world: &'w ApiFunctionWorld,
    said: Arc<Mutex<Vec<String>>>,
    child: Child,
}

/// An answer to API Gateway.
pub(crate) struct Answer(pub Value);

impl Function<'_> {
    /// Sends the event of an HTTP API.
    pub(crate) async fn ask(&self, request: Request) -> anyhow::Result<Answer> {
        self.invoke(request.http_api()).await
    }

    /// Sends the event of a REST API.
    pub(crate) async fn ask_rest(&self, request: Request) -> anyhow::Result<Answer> {
        self.invoke(request.rest_api()).await
    }

    /// Returns the maximum memory of the function until now, in kB.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak_kb(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!(
            "/proc/{}/status",
            self.child.id().context("it runs")?
        ))?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).context("VmHWM")?;
        Ok(line.split_whitespace().nth(1).context("a number")?.parse()?)
    }

    pub(crate) async fn get(&self, url: &str) -> anyhow::Result<Answer> {
        self.ask(Request::get(url)).await
    }

    pub(crate) async fn invoke(&self, event: Vec<u8>) -> anyhow::Result<Answer> {
        Ok(Answer(self.world.runtime.invoke(event, LIMIT).await?))
    }

    /// Returns the first line on stdout that matches `which`. Every line must be JSON.
    pub(crate) async fn said(&self, which: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        let find = async || {
            let lines = self.said.lock().expect("whole").clone();
            lines
                .iter()
                .map(|line| serde_json::from_str(line).expect("every line is JSON"))
                .find(|line| which(line))
        };
        eventually(LIMIT, find).await
    }

    /// Returns everything on stdout so far.
    pub(crate) fn all_said(&self) -> String {
        self.said.lock().expect("whole").join("\n")
    }
}

impl Answer {
    pub(crate) fn status(&self) -> u64 {
        self.0["statusCode"].as_u64().unwrap_or_default()
    }

    /// Returns a header of an answer in either payload format.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.0["headers"][name].as_str().or_else(|| self.0["multiValueHeaders"][name][0].as_str())
    }

    pub(crate) fn is_base64(&self) -> bool {
        self.0["isBase64Encoded"] == true
    }

    /// Returns the body that API Gateway sends.
    pub(crate) fn body(&self) -> Vec<u8> {
        let body = self.0["body"].as_str().unwrap_or_default();
        if self.is_base64() { STANDARD.decode_to_vec(body).expect("base64") } else { body.into() }
    }

    /// Returns the body that a client reads after decompression.
    pub(crate) fn decompressed(&self) -> Vec<u8> {
        let (sent, mut body) = (self.body(), Vec::new());
        match self.header("content-encoding") {
            Some(_) => GzDecoder::new(sent.as_slice()).read_to_end(&mut body).expect("gzip"),
            None => return sent,
        };
        body
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.decompressed())
            .unwrap_or_else(|error| panic!("{error}: {}", self.0))
    }

    /// Returns the URL of the next page.
    pub(crate) fn next(&self) -> Option<String> {
        self.header("link").map(|link| {
            link.strip_prefix('<')
                .and_then(|l| l.strip_suffix(">; rel=\"next\""))
                .expect("a link")
                .to_owned()
        })
    }
}

/// Returns a key with the scope `read`.
pub(crate) fn key() -> Key {
    Key::new([7; 32])
}
