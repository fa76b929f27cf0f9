//! A server of one test, which may kill it.

use std::{fs::File, io::Write, process::Command};

use anyhow::{Context, Result, ensure};
use tokio_postgres::Client;
use weir_postgres::Server;

use crate::folder::Folder;
use crate::port::free_port;
use crate::postgres::{connect, options};

/// A PostgreSQL server of one test. It is stopped and removed when dropped.
#[derive(Debug)]
pub struct Crashable {
    // Declared first, so that the server is stopped before its folder is removed.
    server: Server,
    folder: Folder,
    fsync: bool,
}

impl Crashable {
    /// Starts a server.
    ///
    /// Without `fsync` the server is faster and still keeps every commit after
    /// [`Crashable::kill_hard`], because the system's page cache survives the death of a process.
    ///
    /// # Errors
    /// When no PostgreSQL is available; the message says how to install it.
    pub async fn start(fsync: bool) -> Result<Self> {
        Self::on(Folder::new()?, fsync).await
    }

    async fn on(folder: Folder, fsync: bool) -> Result<Self> {
        let mut options = options(&folder).setting("fsync", if fsync { "on" } else { "off" });
        options.port = Some(free_port()?);
        Ok(Self { server: Server::start(options).await?, folder, fsync })
    }

    /// Returns a replica that follows this server over a connection.
    ///
    /// This server is killed and restarted, because its files must not change while they are
    /// copied.
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
        // The copy keeps the owner of the data folder. A new file would belong to the user of the
        // test.
        let standby = Command::new("cp")
            .arg("-a")
            .arg(folder.data_dir().join("PG_VERSION"))
            .arg(folder.data_dir().join("standby.signal"))
            .status()?;
        ensure!(standby.success(), "the replica cannot be told that it is one");
        self.restart().await?;
        Self::on(folder, self.fsync).await
    }

    /// Stops this replica from following its server.
    ///
    /// # Errors
    /// When the server is down.
    pub async fn stop_following(&self) -> Result<()> {
        let client = self.client("postgres").await?;
        client.batch_execute("ALTER SYSTEM SET primary_conninfo = ''").await?;
        client.batch_execute("SELECT pg_reload_conf()").await?;
        Ok(())
    }

    /// Promotes this replica to a server that accepts writes.
    ///
    /// # Errors
    /// When the promotion fails or takes longer than a minute.
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

    /// Returns the URL of a database on this server; a restart does not change the URL.
    pub fn url(&self, database: &str) -> String {
        self.server.url(database)
    }

    /// Opens a connection, which the caller's runtime serves.
    ///
    /// # Errors
    /// When the server is down or the database does not exist.
    pub async fn client(&self, database: &str) -> Result<Client> {
        connect(&self.url(database)).await
    }

    /// Creates a database unless it exists.
    ///
    /// # Errors
    /// When the server is down.
    pub async fn create_database(&self, name: &str) -> Result<()> {
        Ok(self.server.create_database(name).await?)
    }

    /// Kills the server with `kill -9`. No process of the server is left when this function
    /// returns.
    ///
    /// # Errors
    /// When the server does not end.
    pub async fn kill_hard(&mut self) -> Result<()> {
        Ok(self.server.kill_hard().await?)
    }

    /// Starts the server again, on the same port and data. Stops it first if it runs.
    ///
    /// # Errors
    /// When the server does not start.
    pub async fn restart(&mut self) -> Result<()> {
        Ok(self.server.restart().await?)
    }
}
