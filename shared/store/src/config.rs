//! The connection settings of the database and the time limits of its operations.

use std::time::Duration;

use secrecy::SecretString;

/// The settings of the database.
#[derive(Debug, Clone, clap::Args)]
pub struct DatabaseConfig {
    /// PostgreSQL, as `postgresql://user:password@host:port/database?sslmode=…&sslrootcert=FILE`.
    /// Without an sslmode a host that is not loopback is spoken to with verified TLS, loopback in
    /// the clear
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<SecretString>,

    /// A secret of AWS Secrets Manager with username and password, and with host, port and dbname
    /// unless --database-url names them
    #[arg(long, env = "DATABASE_SECRET_ARN", value_name = "ARN")]
    pub database_secret_arn: Option<String>,

    /// The region of an RDS or Aurora database that asks IAM: the user of --database-url logs in
    /// with tokens, signed with AWS credentials, instead of a password
    #[arg(long, env = "DATABASE_IAM_REGION", value_name = "REGION")]
    pub database_iam_region: Option<String>,

    /// Longest time for one statement, seconds
    #[arg(long, env = "STATEMENT_TIMEOUT", value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=840))]
    pub statement_timeout: u32,

    /// Longest wait for a lock, seconds
    #[arg(long, env = "LOCK_TIMEOUT", value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=840))]
    pub lock_timeout: u32,

    /// Longest wait for a connection, seconds
    #[arg(long, env = "CONNECT_TIMEOUT", value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=120))]
    pub connect_timeout: u32,

    /// Connections at most that this process holds
    #[arg(long, env = "DATABASE_CONNECTIONS", value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub database_connections: u16,

    /// Whether a pooler stands before the database that gives connections out for one transaction
    /// at a time, as RDS Proxy does and `PgBouncer` in its transaction mode. Nothing is left on a
    /// connection then: limits of time are those of the database's role.
    #[arg(skip)]
    pub pooled: bool,
}

impl DatabaseConfig {
    /// Returns the default settings with this URL.
    pub fn from_url(url: impl Into<String>) -> Self {
        Self {
            database_url: Some(url.into().into()),
            database_secret_arn: None,
            database_iam_region: None,
            statement_timeout: 60,
            lock_timeout: 10,
            connect_timeout: 10,
            database_connections: 8,
            pooled: false,
        }
    }

    pub(crate) fn connect_limit(&self) -> Duration {
        Duration::from_secs(self.connect_timeout.into())
    }
}
