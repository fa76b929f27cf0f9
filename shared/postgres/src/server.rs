//! The public interface of a server.

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

/// Encodes all but the unreserved characters of a URL (RFC 3986, 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A running PostgreSQL server.
///
/// Dropping it stops the server and blocks until it has stopped. Prefer [`Server::stop`], which
/// does not block the runtime.
pub struct Server {
    // Dropped before the lock, so that no other server starts on the data while this one still
    // stops.
    postmaster: Option<Postmaster>,
    launch: Arc<Launch>,
    password: String,
    port: u16,
    _lock: Lock,
}

impl Server {
    /// Starts a server. Returns when the server accepts connections.
    ///
    /// This function finds or downloads PostgreSQL, creates a missing data folder, and stops a
    /// server that an earlier program left running.
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

    /// Returns the URL of a database on this server. It contains the password, so it must not be
    /// logged.
    pub fn url(&self, database: &str) -> String {
        let database = utf8_percent_encode(database, ESCAPED);
        format!("postgresql://{ROLE}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// Returns the TCP port on 127.0.0.1; [`Server::restart`] keeps it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the postmaster's process id; `None` after [`Server::kill_hard`].
    pub fn pid(&self) -> Option<u32> {
        self.postmaster.as_ref().map(Postmaster::pid)
    }

    /// Creates a database unless it exists.
    pub async fn create_database(&self, name: &str) -> Result<(), Error> {
        let (client, connection) = self.connect().await?;
        let find = "-- find a database\nSELECT 1 FROM pg_database WHERE datname = $1";
        if client.query_opt(find, &[&name]).await?.is_none() {
            let quoted = name.replace('"', "\"\"");
            let made = client
                .batch_execute(&format!("-- make a database\nCREATE DATABASE \"{quoted}\""))
                .await;
            match made {
                // Another client created it between the two statements.
                Err(error) if error.code() == Some(&SqlState::DUPLICATE_DATABASE) => {}
                made => made?,
            }
        }
        disconnect(client, connection).await
    }

    /// Shuts down cleanly: open transactions are rolled back. After 30 s the shutdown is immediate.
    pub async fn stop(mut self) -> Result<(), Error> {
        blocking(move || self.postmaster.take().map_or(Ok(()), |mut running| running.stop())).await
    }

    /// Kills the postmaster and its backends with `kill -9`, for tests of crashes. Returns when
    /// they have ended.
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

/// Runs blocking work on a blocking thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    task::spawn_blocking(work).await.map_err(|_| Error::Interrupted)?
}
