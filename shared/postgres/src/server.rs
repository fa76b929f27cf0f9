//! The server as its user sees it.

use std::fmt;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::task::{self, JoinHandle};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};

use crate::account::Account;
use crate::initdb::{self, ROLE};
use crate::launch::{Launch, Postmaster};
use crate::lock::Lock;
use crate::paths::ServerPaths;
use crate::{Error, Options, leftover, locate};

/// All but the unreserved characters of a URL (RFC 3986, 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A running PostgreSQL of our own. Dropping it stops the server, waiting for that; prefer
/// [`Server::stop`], which waits without blocking the runtime.
pub struct Server {
    // Dropped before the lock: no other server may start on the data while this one still stops.
    postmaster: Option<Postmaster>,
    launch: Arc<Launch>,
    password: String,
    port: u16,
    _lock: Lock,
}

impl Server {
    /// Finds or fetches PostgreSQL, makes the data folder if it is new, stops a server that an
    /// earlier program left over, and starts. Returns when the server accepts connections.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let paths = ServerPaths::prepare(&options.data_dir)?;
        let lock = Lock::take(&paths.data_dir)?;
        let binaries = locate::binaries(&options, &paths.data_dir, paths.data_version()).await?;
        let server = blocking(move || {
            let account = Account::choose(&paths, &binaries)?;
            tracing::debug!(?binaries, ?account, "starting PostgreSQL");
            let password = if paths.data_version().is_some() {
                leftover::stop(&paths.data_dir)?;
                paths.read_password()?
            } else {
                let durable =
                    !options.settings.iter().any(|(name, value)| name == "fsync" && value == "off");
                initdb::run(&paths, &binaries, account, durable)?
            };
            let launch = Launch {
                paths,
                binaries,
                account,
                settings: options.settings,
                limit: options.start_limit,
            };
            let (postmaster, port) = launch.start(options.port)?;
            Ok(Self {
                postmaster: Some(postmaster),
                launch: Arc::new(launch),
                password,
                port,
                _lock: lock,
            })
        })
        .await?;
        server.check_password().await?;
        Ok(server)
    }

    /// The URL of a database on this server, password included: not for logs.
    pub fn url(&self, database: &str) -> String {
        let database = utf8_percent_encode(database, ESCAPED);
        format!("postgresql://{ROLE}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// The TCP port on 127.0.0.1; [`Server::restart`] keeps it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The postmaster's process id; `None` after [`Server::kill_hard`].
    pub fn pid(&self) -> Option<u32> {
        self.postmaster.as_ref().map(Postmaster::pid)
    }

    /// Makes a database unless it is there.
    pub async fn create_database(&self, name: &str) -> Result<(), Error> {
        let (client, connection) = self.connect().await?;
        let find = "-- find a database\nSELECT 1 FROM pg_database WHERE datname = $1";
        if client.query_opt(find, &[&name]).await?.is_none() {
            let quoted = name.replace('"', "\"\"");
            let made = client
                .batch_execute(&format!("-- make a database\nCREATE DATABASE \"{quoted}\""))
                .await;
            match made {
                // Somebody else made it between the two statements.
                Err(error) if error.code() == Some(&SqlState::DUPLICATE_DATABASE) => {}
                made => made?,
            }
        }
        disconnect(client, connection).await
    }

    /// Shuts down cleanly: open transactions are rolled back. Harder after 30 s.
    pub async fn stop(mut self) -> Result<(), Error> {
        blocking(move || self.postmaster.take().map_or(Ok(()), |mut running| running.stop())).await
    }

    /// `kill -9` for the postmaster and its backends, for tests of crashes. Returns when they are
    /// gone.
    pub async fn kill_hard(&mut self) -> Result<(), Error> {
        let Some(mut running) = self.postmaster.take() else {
            return Ok(());
        };
        blocking(move || running.kill_hard()).await
    }

    /// Stops the server if it runs, and starts it again on the same port and data.
    pub async fn restart(&mut self) -> Result<(), Error> {
        let running = self.postmaster.take();
        let (launch, port) = (Arc::clone(&self.launch), self.port);
        let started = blocking(move || {
            if let Some(mut running) = running {
                running.stop()?;
            }
            leftover::stop(&launch.paths.data_dir)?;
            launch.start(Some(port))
        });
        let (postmaster, _) = started.await?;
        self.postmaster = Some(postmaster);
        Ok(())
    }

    async fn check_password(&self) -> Result<(), Error> {
        match self.connect().await {
            Ok((client, connection)) => disconnect(client, connection).await,
            Err(error) if error.code() == Some(&SqlState::INVALID_PASSWORD) => {
                Err(Error::WrongPassword { path: self.launch.paths.password.clone() })
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn connect(&self) -> Result<(Client, Connection), tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::connect(&self.url("postgres"), NoTls).await?;
        Ok((client, task::spawn(connection)))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data_dir = &self.launch.paths.data_dir;
        f.debug_struct("Server")
            .field("data_dir", data_dir)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

type Connection = JoinHandle<Result<(), tokio_postgres::Error>>;

/// Ends a connection and waits until it is closed.
async fn disconnect(client: Client, connection: Connection) -> Result<(), Error> {
    drop(client);
    connection.await.map_err(|_| Error::Interrupted)?.map_err(Error::from)
}

/// Runs blocking work on the threads meant for it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    task::spawn_blocking(work).await.map_err(|_| Error::Interrupted)?
}
