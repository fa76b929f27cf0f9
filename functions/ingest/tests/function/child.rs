//! Starts the function as a child process.

use std::{process::Stdio, time::Duration};

use serde_json::{Value, json};
use tokio::process::{Child, Command};
use weir_model::models;
use weir_store::{DatabaseConfig, Store, migrate};
use weir_testkit::{Database, FunctionError, KafkaEvent, Proxy, Record, RuntimeApi};

/// Maximum duration of an invocation.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// A database behind a proxy, and an emulated Lambda runtime.
pub(crate) struct IngestHarness {
    pub database: Database,
    pub proxy: Proxy,
    pub runtime: RuntimeApi,
}

impl IngestHarness {
    pub(crate) async fn new() -> anyhow::Result<Self> {
        let migrated = async |url: String| {
            migrate::run(
                &Store::new(&DatabaseConfig::from_url(url))?,
                &models::builtin(),
                &Vec::new(),
            )
            .await?;
            Ok(())
        };
        let database = Database::create("ingest", migrated).await?;
        let proxy = Proxy::start(&database.url()).await?;
        Ok(Self { database, proxy, runtime: RuntimeApi::start().await? })
    }

    /// Starts the function. The child is killed when dropped.
    pub(crate) fn start(&self) -> anyhow::Result<Child> {
        Ok(self.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn()?)
    }

    /// Returns the command that starts the function.
    pub(crate) fn command(&self) -> Command {
        let mut command = self.runtime.command(env!("CARGO_BIN_EXE_ingest"));
        command.env("DATABASE_URL", self.proxy.url(&self.database.url()));
        command
    }

    pub(crate) async fn invoke(&self, event: Vec<u8>) -> Result<Value, FunctionError> {
        self.runtime.invoke(event, LIMIT).await
    }

    /// Delivers an event and expects success.
    pub(crate) async fn deliver(&self, event: Vec<u8>) -> anyhow::Result<()> {
        let answer = self.invoke(event).await.map_err(|e| anyhow::anyhow!("{e:?}"))?;
        anyhow::ensure!(answer == json!({"batchItemFailures": []}), "{answer}");
        Ok(())
    }

    pub(crate) async fn count(&self, sql: &str) -> anyhow::Result<i64> {
        Ok(self.database.client().await?.query_one(sql, &[]).await?.try_get(0)?)
    }
}

/// Returns a batch of `count` readings, the first at `offset`. The timestamps follow the offsets.
pub(crate) fn batch(offset: i64, count: i64) -> Vec<u8> {
    let record = |n: i64| {
        let value = json!({"sensor": "speed", "value": n, "timestamp": weir_model::Micros(1_700_000_000_000_000 + n * 1_000_000).rfc3339_millis()});
        Record {
            topic: "readings".into(),
            partition: 0,
            offset: n,
            value: value.to_string().into(),
            ..Record::default()
        }
    };
    KafkaEvent::new((offset..offset + count).map(record).collect::<Vec<_>>()).to_bytes()
}
