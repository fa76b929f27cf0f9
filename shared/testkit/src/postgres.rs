//! One temporary PostgreSQL per test program.

use std::env;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::thread;

use anyhow::{Result, anyhow};
use tokio_postgres::{Client, NoTls};
use weir_postgres::{Options, Server};

use crate::folder::Folder;

/// The shared server. It is removed when the test program ends.
#[derive(Debug)]
pub struct Postgres {
    server: Server,
    _folder: Folder,
}

impl Postgres {
    /// Returns the URL of a database on this server, with the superuser `weir`.
    pub fn url(&self, database: &str) -> String {
        self.server.url(database)
    }
}

/// Returns the server of this test program, started on first use (about a second).
///
/// # Panics
/// When no PostgreSQL is available; the message says how to install it.
pub fn postgres() -> &'static Postgres {
    static POSTGRES: OnceLock<Postgres> = OnceLock::new();
    POSTGRES.get_or_init(|| {
        // On a separate thread, because a runtime cannot be started inside another one.
        let started = thread::spawn(start).join();
        match started.unwrap_or_else(|_| Err(anyhow!("the thread that starts it panicked"))) {
            Ok(postgres) => postgres,
            Err(error) => panic!("these tests need a PostgreSQL of their own: {error:#}"),
        }
    })
}

/// Connects; the caller's runtime serves the connection.
pub(crate) async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn start() -> Result<Postgres> {
    let folder = Folder::new()?;
    let options = options(&folder)
        .setting("fsync", "off")
        .setting("synchronous_commit", "off")
        .setting("full_page_writes", "off")
        .setting("max_connections", "200");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let server = runtime.block_on(Server::start(options))?;
    Ok(Postgres { server, _folder: folder })
}

/// Returns options for a server in `folder`. PostgreSQL is found on the machine, or downloaded once
/// to a folder next to the test programs.
pub(crate) fn options(folder: &Folder) -> Options {
    let beside_tests = env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.ancestors().nth(2)?.join("weir-postgres-binaries")));
    Options {
        bin_dir: env::var_os("WEIR_TEST_POSTGRES_BIN").map(PathBuf::from),
        cache_dir: beside_tests.unwrap_or_else(|| folder.path().join("binaries")),
        ..Options::new(folder.data_dir())
    }
}
