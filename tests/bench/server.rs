//! The throw-away server.

use anyhow::Context;
use tempfile::TempDir;
use weir_model::models;
use weir_postgres::{Options, Server};
use weir_store::{DatabaseConfig, Store, migrate};

/// A server with fsync on and a migrated database; gone when stopped.
pub(crate) struct Bench {
    server: Server,
    _folder: TempDir,
    pub url: String,
}

impl Bench {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("weir-bench").tempdir()?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // The server may have to run as another user.
            std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
        }
        // A checkpoint in the middle of a run would hit one side at random.
        let options = Options::new(folder.path().join("postgres")).setting("max_wal_size", "16GB").setting("checkpoint_timeout", "1h");
        let server = Server::start(options).await.context("starting PostgreSQL")?;
        server.create_database("bench").await?;
        let url = server.url("bench");
        migrate::run(&Store::new(&DatabaseConfig::from_url(&url))?, &models::builtin(), &Vec::new()).await?;
        Ok(Self { server, _folder: folder, url })
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        Ok(self.server.stop().await?)
    }
}
