//! A server that belongs to one test, which may kill it.

use std::{fs::File, io::Write, process::Command};

use anyhow::{Context, Result, ensure};
use tokio_postgres::Client;
use weir_postgres::Server;

use crate::folder::Folder;
use crate::port::free_port;
use crate::postgres::{connect, options};

/// A PostgreSQL of this test alone; stopped and removed when dropped.
#[derive(Debug)]
pub struct Crashable {
    // Stopped before its folder is removed.
    server: Server,
    folder: Folder,
    fsync: bool,
}

impl Crashable {
    /// Starts one. Without `fsync` it is faster and still keeps every commit over
    /// [`Crashable::kill_hard`]: the system's cache outlives a killed process.
    ///
    /// # Errors
    /// When no PostgreSQL can be had; the message says how to get one.
    pub async fn start(fsync: bool) -> Result<Self> {
        Self::on(Folder::new()?, fsync).await
    }

    async fn on(folder: Folder, fsync: bool) -> Result<Self> {
        let mut options = options(&folder).setting("fsync", if fsync { "on" } else { "off" });
        options.port = Some(free_port()?);
        Ok(Self { server: Server::start(options).await?, folder, fsync })
    }

    /// A replica that follows it, over a connection of its own. This server is killed and started
    /// again for it: what is copied must not change meanwhile.
    ///
    /// # Errors
    /// When the folder cannot be copied, or one of the two does not start.
    pub async fn replica(&mut self) -> Result<Self> {
        self.kill_hard().await?;
        let folder = Folder::new()?;
        let copied = Command::new("cp")
            .arg("-a")
            .arg(self.folder.path().join("."))
            .arg(folder.path())
            .status()?;
        ensure!(copied.success(), "the data folder cannot be copied");
        let from: tokio_postgres::Config = self.url("postgres").parse()?;
        let password =
            String::from_utf8_lossy(from.get_password().context("a password")?).into_owned();
        let (user, port) = (from.get_user().context("a user")?, self.server.port());
        let mut settings =
            File::options().append(true).open(folder.data_dir().join("postgresql.auto.conf"))?;
        writeln!(
            settings,
            "primary_conninfo = 'host=127.0.0.1 port={port} user={user} password={password}'"
        )?;
        // Its owner is the server's: a file that is made here would be another's.
        let standby = Command::new("cp")
            .arg("-a")
            .arg(folder.data_dir().join("PG_VERSION"))
            .arg(folder.data_dir().join("standby.signal"))
            .status()?;
        ensure!(standby.success(), "the replica cannot be told that it is one");
        self.restart().await?;
        Self::on(folder, self.fsync).await
    }

    /// A replica follows no longer.
    ///
    /// # Errors
    /// When the server is down.
    pub async fn stop_following(&self) -> Result<()> {
        let client = self.client("postgres").await?;
        client.batch_execute("ALTER SYSTEM SET primary_conninfo = ''").await?;
        client.batch_execute("SELECT pg_reload_conf()").await?;
        Ok(())
    }

    /// A replica becomes a server of its own, with what it has.
    ///
    /// # Errors
    /// When it does not within a minute.
    pub async fn promote(&self) -> Result<()> {
        let promoted: bool = self
            .client("postgres")
            .await?
            .query_one("SELECT pg_promote()", &[])
            .await?
            .try_get(0)?;
        ensure!(promoted, "the replica was not promoted");
        Ok(())
    }

    /// The URL of a database on it; the same after a restart.
    pub fn url(&self, database: &str) -> String {
        self.server.url(database)
    }

    /// A new connection, served by the caller's runtime.
    ///
    /// # Errors
    /// When the server is down or the database is not there.
    pub async fn client(&self, database: &str) -> Result<Client> {
        connect(&self.url(database)).await
    }

    /// Makes a database unless it is there.
    ///
    /// # Errors
    /// When the server is down.
    pub async fn create_database(&self, name: &str) -> Result<()> {
        Ok(self.server.create_database(name).await?)
    }

    /// `kill -9`: nothing of the server is left when this returns.
    ///
    /// # Errors
    /// When it does not die.
    pub async fn kill_hard(&mut self) -> Result<()> {
        Ok(self.server.kill_hard().await?)
    }

    /// Starts it again, on the same port and data, stopping it first if it runs.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn restart(&mut self) -> Result<()> {
        Ok(self.server.restart().await?)
    }
}
