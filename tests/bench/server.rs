//! The temporary PostgreSQL server of a measurement.

use std::path::Path;

use anyhow::Context;
use tempfile::TempDir;
use tokio_postgres::Client;
use weir_model::models;
use weir_postgres::{Options, Server};
use weir_store::{DatabaseConfig, Store, migrate};

/// A server with fsync on and a migrated database. Its folder is removed at the end.
pub(crate) struct Bench {
    server: Server,
    folder: TempDir,
    pub url: String,
}

impl Bench {
    pub(crate) async fn start(settings: &[String]) -> anyhow::Result<Self> {
        let bench = Self::empty(settings).await?;
        migrate::run(
            &Store::new(&DatabaseConfig::from_url(&bench.url))?,
            &models::builtin(),
            &Vec::new(),
        )
        .await?;
        Ok(bench)
    }

    /// Starts a server with an empty database.
    pub(crate) async fn empty(settings: &[String]) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("weir-bench").tempdir()?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // The server may run as another user.
            std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
        }
        // A checkpoint during a run would slow one side at random.
        let mut options = Options::new(folder.path().join("postgres"))
            .setting("max_wal_size", "16GB")
            .setting("checkpoint_timeout", "1h");
        for setting in settings {
            let (name, value) = setting
                .split_once('=')
                .with_context(|| format!("--setting {setting} is not NAME=VALUE"))?;
            options = options.setting(name, value);
        }
        let server = Server::start(options).await.context("starting PostgreSQL")?;
        server.create_database("bench").await?;
        let url = server.url("bench");
        Ok(Self { server, folder, url })
    }

    /// Creates one more empty database, and returns its URL.
    pub(crate) async fn database(&self, name: &str) -> anyhow::Result<String> {
        self.server.create_database(name).await?;
        Ok(self.server.url(name))
    }

    /// Opens a new connection.
    pub(crate) async fn connect(&self) -> anyhow::Result<Client> {
        connect(&self.url).await
    }

    /// Returns the folder for files, which exists until the server is stopped.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn stop(self, log: Option<&Path>) -> anyhow::Result<()> {
        self.server.stop().await?;
        if let Some(log) = log {
            std::fs::copy(self.folder.path().join("postgres.log"), log)?;
        }
        Ok(())
    }
}

pub(crate) async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
