//! Opens a connection with time limits and verified TLS. Dropping the connection closes it.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use secrecy::ExposeSecret;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_postgres::{
    Client, Config, NoTls, Statement,
    config::{Host, SslMode},
    error::SqlState,
};

use crate::{
    DatabaseConfig, StoreError,
    event_types::EventTypes,
    secret::{DatabaseSecret, SecretSource},
    tls::{self, TlsSettings},
};

/// The idle time after which TCP keepalives check whether the other side is alive.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_RETRIES: u32 = 3;
/// A connection ends when sent bytes are not acknowledged within this time.
const UNANSWERED_LIMIT: Duration = Duration::from_mins(1);

/// Opens connections.
pub(crate) struct Connector {
    base: Config,
    tls: Option<TlsSettings>,
    secret: Option<SecretSource>,
    iam_region: Option<String>,
    limit: Duration,
    /// The session's settings; `None` behind a pooler, which does not support session settings.
    options: Option<String>,
}

/// A connection. If it is dropped during a transaction, its socket closes and the server rolls
/// back.
pub struct Connection {
    client: Arc<Client>,
    driver: JoinHandle<()>,
    /// Prepared statements by their text.
    pub(crate) prepared: HashMap<&'static str, Statement>,
    /// The numbers of types, after the first batch on this connection.
    pub(crate) event_types: Option<Arc<EventTypes>>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("closed", &self.client.is_closed())
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Returns the client of the driver.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the client for a library that needs exclusive access.
    pub fn client_mut(&mut self) -> Result<&mut Client, StoreError> {
        Arc::get_mut(&mut self.client)
            .ok_or(StoreError::Internal("a transaction still holds the connection".into()))
    }

    pub(crate) fn shared_client(&self) -> Arc<Client> {
        self.client.clone()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The connection is closed without the protocol's Terminate message: that message would
        // wait behind a running statement, and the transaction would stay open.
        self.driver.abort();
    }
}

impl Connector {
    pub(crate) fn new(config: &DatabaseConfig) -> Result<Self, StoreError> {
        let (base, tls) = match &config.database_url {
            None if config.database_secret_arn.is_none() => {
                return Err(StoreError::Setting(
                    "no database is set: give --database-url (DATABASE_URL) or \
                        --database-secret-arn (DATABASE_SECRET_ARN)"
                        .into(),
                ));
            }
            None => (Config::new(), None),
            Some(url) => {
                let (url, mode, root_cert) = tls::take_settings(url.expose_secret())?;
                // The driver's error message would quote the URL with its password.
                let mut base: Config = url.parse().map_err(|_| {
                    StoreError::Setting(
                        "cannot parse the database URL: give a URL like \
                            postgresql://user:password@host:port/database"
                            .into(),
                    )
                })?;
                if base.get_hosts().is_empty() && config.database_secret_arn.is_none() {
                    return Err(StoreError::Setting(
                        "the database URL has no host: give a URL like \
                        postgresql://user:password@host:port/database"
                            .into(),
                    ));
                }
                let mode = mode.unwrap_or_else(|| tls::default_mode(&base));
                base.ssl_mode(mode);
                (base, Some(TlsSettings { mode, root_cert }))
            }
        };
        if config.database_iam_region.is_some() {
            if config.database_secret_arn.is_some() {
                return Err(StoreError::Setting(
                    "--database-iam-region (DATABASE_IAM_REGION) and --database-secret-arn \
                        (DATABASE_SECRET_ARN) exclude each other: give one of them"
                        .into(),
                ));
            }
            if base.get_user().is_none() {
                return Err(StoreError::Setting(
                    "the database URL has no user, and --database-iam-region (DATABASE_IAM_REGION) \
                    needs one: give a URL like postgresql://user@host:port/database"
                        .into(),
                ));
            }
        }
        let (statement, lock) =
            (u64::from(config.statement_timeout) * 1000, u64::from(config.lock_timeout) * 1000);
        Ok(Self {
            // The server uses keepalives, too. A client may vanish between the messages of a
            // statement or of a COPY, where no timeout of the server applies. Its locks would then
            // stay for hours. The server also checks every second whether the client is still
            // connected, so that an abandoned batch does not continue or wait for a lock until a
            // timeout.
            options: (!config.pooled).then(|| format!(
                "-c statement_timeout={statement} -c lock_timeout={lock} -c idle_in_transaction_session_timeout={statement} -c TimeZone=UTC \
                 -c tcp_keepalives_idle={} -c tcp_keepalives_interval={} -c tcp_keepalives_count={KEEPALIVE_RETRIES} -c client_connection_check_interval=1000",
                KEEPALIVE_IDLE.as_secs(),
                KEEPALIVE_INTERVAL.as_secs()
            )),
            base,
            tls,
            iam_region: config.database_iam_region.clone(),
            secret: config.database_secret_arn.clone().map(SecretSource::new),
            limit: config.connect_limit(),
        })
    }

    /// Returns whether connections must not keep any state.
    pub(crate) fn is_pooled(&self) -> bool {
        self.options.is_none()
    }

    /// Opens a connection. If the password is refused, fetches the secret again and makes one more
    /// attempt.
    pub(crate) async fn connect(&self) -> Result<Connection, StoreError> {
        let first = self.connect_in_time().await;
        match (&first, &self.secret) {
            (Err(StoreError::ConnectRefused { error, .. }), Some(secret))
                if error.code() == Some(&SqlState::INVALID_PASSWORD) =>
            {
                secret.forget().await;
                self.connect_in_time().await
            }
            _ => first,
        }
    }

    async fn connect_in_time(&self) -> Result<Connection, StoreError> {
        let attempt = tokio::time::timeout(self.limit, self.connect_once()).await;
        attempt.unwrap_or_else(|_| Err(self.no_answer()))
    }

    fn no_answer(&self) -> StoreError {
        let limit = self.limit.as_secs();
        StoreError::Connect(format!("{}: no answer within {limit} s", address(&self.base)))
    }

    async fn connect_once(&self) -> Result<Connection, StoreError> {
        let mut config = self.base.clone();
        if let Some(own) = &self.options {
            let options = config
                .get_options()
                .map_or_else(|| own.clone(), |theirs| format!("{own} {theirs}"));
            config.options(options);
        }
        config
            .connect_timeout(self.limit)
            .keepalives(true)
            .keepalives_idle(KEEPALIVE_IDLE)
            .keepalives_interval(KEEPALIVE_INTERVAL)
            .keepalives_retries(KEEPALIVE_RETRIES)
            .tcp_user_timeout(UNANSWERED_LIMIT);
        if config.get_application_name().is_none() {
            config.application_name("weir");
        }
        if let Some(secret) = &self.secret {
            fill_in(&mut config, secret.get().await?)?;
        }
        if let Some(region) = &self.iam_region {
            let token = token(&config, region).await?;
            config.password(token);
        }
        let tls = self.tls.clone().unwrap_or_else(|| {
            let mode = tls::default_mode(&config);
            TlsSettings { mode, root_cert: None }
        });
        config.ssl_mode(tls.mode);
        // A TLS connector reads every root certificate of the system, which takes 50 ms. So it is
        // created only for connections with TLS, and on a blocking thread.
        let (client, driver) = if tls.mode == SslMode::Disable {
            let (client, connection) =
                config.connect(NoTls).await.map_err(|error| failed(&config, error))?;
            (client, drive(connection))
        } else {
            let hosts = config.get_hosts().to_vec();
            let connector = spawn_blocking(move || tls::connector(&tls, &hosts)).await;
            let connector = connector.map_err(|error| StoreError::Connect(error.to_string()))??;
            let (client, connection) =
                config.connect(connector).await.map_err(|error| failed(&config, error))?;
            (client, drive(connection))
        };
        if self.is_pooled() {
            time_zone_is_utc(&client).await?;
        }
        Ok(Connection {
            client: Arc::new(client),
            driver,
            prepared: HashMap::new(),
            event_types: None,
        })
    }
}

/// Returns the error of a failed attempt, with the address.
fn failed(config: &Config, error: tokio_postgres::Error) -> StoreError {
    let address = address(config);
    if error.code().is_some() {
        return StoreError::ConnectRefused { address, error };
    }
    StoreError::Connect(format!("{address}: {}", crate::describe(&error)))
}

/// Returns `host:port` of the servers, several with commas.
fn address(config: &Config) -> String {
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(folder) => folder.display().to_string(),
    });
    // One port counts for all hosts.
    let ports = config
        .get_ports()
        .iter()
        .copied()
        .chain(std::iter::repeat(config.get_ports().last().copied().unwrap_or(5432)));
    let places: Vec<String> =
        hosts.zip(ports).map(|(host, port)| format!("{host}:{port}")).collect();
    places.join(", ")
}

/// Checks that the time zone is UTC. Other sessions set the time zone themselves. Behind a pooler
/// the role must set it, because otherwise days would begin at another hour.
async fn time_zone_is_utc(client: &Client) -> Result<(), StoreError> {
    let sql = "-- time_zone\nSELECT current_setting('TimeZone') IN ('UTC', 'Etc/UTC', 'GMT') AS is_utc, current_user::text AS role";
    let rows = client.query_typed(sql, &[]).await?;
    let Some(row) = rows.first() else { return Ok(()) };
    if row.try_get("is_utc")? {
        return Ok(());
    }
    let role: &str = row.try_get("role")?;
    Err(StoreError::Setting(format!(
        "the time zone of role {role} is not UTC, and a pooler does not pass on the client's \
            setting: run ALTER ROLE {role} SET TimeZone = 'UTC'"
    )))
}

/// Drives a connection until it ends.
fn drive(
    connection: impl Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = crate::describe(&error), "the database connection ended");
        }
    })
}

/// Returns a token for one connection. Signing needs no request, so each connection gets a new
/// token, which is never expired.
#[expect(clippy::disallowed_methods, reason = "a signature contains the time")]
async fn token(config: &Config, region: &str) -> Result<String, StoreError> {
    let host = config
        .get_hosts()
        .iter()
        .find_map(|host| if let Host::Tcp(name) = host { Some(name.as_str()) } else { None });
    let host = host.ok_or_else(|| {
        StoreError::Setting(
            "the database URL has no host, and IAM authentication needs one: give a URL like \
            postgresql://user@host:port/database"
                .into(),
        )
    })?;
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let credentials = weir_aws::credentials().await?;
    Ok(weir_aws::database_token(
        host,
        port,
        config.get_user().unwrap_or_default(),
        region,
        &credentials,
        SystemTime::now(),
    )?)
}

fn fill_in(config: &mut Config, secret: DatabaseSecret) -> Result<(), StoreError> {
    config.user(secret.username).password(secret.password);
    if config.get_hosts().is_empty() {
        let host = secret.host.ok_or_else(|| {
            StoreError::Setting(
                "the database's secret has no host: also give --database-url, without a password"
                    .into(),
            )
        })?;
        config.host(host);
        if let Some(port) = secret.port {
            config.port(port);
        }
    }
    if config.get_dbname().is_none() {
        config.dbname(secret.dbname.unwrap_or_else(|| "postgres".into()));
    }
    Ok(())
}
