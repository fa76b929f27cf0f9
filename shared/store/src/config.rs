//! The connection settings of the database and the time limits of its operations.

use std::time::Duration;

use secrecy::SecretString;

/// The settings of the database.
#[derive(Debug, Clone, clap::Args)]
pub struct DatabaseConfig {
    /// PostgreSQL server and database
    ///
    /// For example `postgresql://user:password@host:5432/database?sslmode=verify-full&sslrootcert=FILE`.
    /// Without `sslmode`, Weir uses TLS with verified certificates; on a loopback address it uses
    /// no TLS. If no database is given, `weir` starts an embedded PostgreSQL.
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<SecretString>,

    /// Secret of AWS Secrets Manager with the database user and password
    ///
    /// The secret has the fields `username` and `password`. Without `--database-url` it also has
    /// `host`, `port` and `dbname`.
    #[arg(long, env = "DATABASE_SECRET_ARN", value_name = "ARN")]
    pub database_secret_arn: Option<String>,

    /// AWS region of an RDS or Aurora database with IAM authentication
    ///
    /// The user of `--database-url` logs in with an IAM token instead of a password. Weir signs the
    /// token with the AWS credentials of its environment.
    #[arg(long, env = "DATABASE_IAM_REGION", value_name = "REGION")]
    pub database_iam_region: Option<String>,

    /// Maximum time for one SQL statement, in seconds
    #[arg(long, env = "STATEMENT_TIMEOUT", value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=840))]
    pub statement_timeout: u32,

    /// Maximum wait for a lock in the database, in seconds
    #[arg(long, env = "LOCK_TIMEOUT", value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=840))]
    pub lock_timeout: u32,

    /// Maximum wait for a connection to the database, in seconds
    #[arg(long, env = "CONNECT_TIMEOUT", value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=120))]
    pub connect_timeout: u32,

    /// Maximum number of database connections of this process
    #[arg(long, env = "DATABASE_CONNECTIONS", value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub database_connections: u16,

    /// Whether the URL is the one of a pooler that assigns a connection for one transaction only,
    /// as RDS Proxy does, and `PgBouncer` in its transaction mode.
    ///
    /// A session then keeps no settings: the time limits are those of the database role.
    #[arg(skip)]
    pub pooled: bool,
}

/// The settings of a reader of the database.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ReaderConfig {
    /// Replica of the database, from which lists and dumps are read
    ///
    /// For example the reader endpoint of an Aurora cluster. Without user and password in the URL,
    /// Weir logs in with `--database-secret-arn`. Lists of the API may then lack the newest rows.
    /// A dump waits until the replica has all rows that it must have.
    #[arg(long, env = "DATABASE_READER_URL", value_name = "URL", hide_env_values = true)]
    pub database_reader_url: Option<SecretString>,
}

impl ReaderConfig {
    /// Returns the settings of the reader of a database, if there is one.
    pub(crate) fn of(&self, database: &DatabaseConfig) -> Option<DatabaseConfig> {
        let url = self.database_reader_url.clone()?;
        Some(DatabaseConfig { database_url: Some(url), pooled: false, ..database.clone() })
    }
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
