//! A server that belongs to one test, which may kill it.

use anyhow::Result;
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
    _folder: Folder,
}

impl Crashable {
    /// Starts one. Without `fsync` it is faster and still keeps every commit over
    /// [`Crashable::kill_hard`]: the system's cache outlives a killed process.
    ///
    /// # Errors
    /// When no PostgreSQL can be had; the message says how to get one.
    pub async fn start(fsync: bool) -> Result<Self> {
        let folder = Folder::new()?;
        let mut options = options(&folder).setting("fsync", if fsync { "on" } else { "off" });
        options.port = Some(free_port()?);
        Ok(Self { server: Server::start(options).await?, _folder: folder })
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
