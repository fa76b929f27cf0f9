//! The database of the program: the given one, that of a running `weir`, or an embedded one.

use std::path::{Path, PathBuf};

use weir_postgres::{Options, Server, is_in_use, write_secret};
use weir_store::{DatabaseConfig, Store};

use crate::{Exit, Settings, audit};

/// The name of the database in the embedded server.
const NAME: &str = "weir";
/// The folder of the embedded server's data, in the data folder.
const DATA_DIR: &str = "postgres";
/// The file in the data folder with the embedded server's URL, for psql and for other commands.
const URL_FILE: &str = "database-url";

/// An open database.
pub(crate) struct Database {
    pub store: Store,
    /// The embedded server, if this process started it.
    server: Option<Server>,
    url_file: PathBuf,
    /// Whether the data folder held no database before.
    pub is_new: bool,
}

impl Database {
    /// Opens the database. It starts the embedded server if no database is given, and creates its
    /// data if there is none.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, Exit> {
        let url_file = settings.data_dir.join(URL_FILE);
        let config = &settings.ingest.database;
        if is_given(config) {
            return Ok(Self { store: Store::new(config)?, server: None, url_file, is_new: false });
        }
        let data_dir = postgres_dir(&settings.data_dir)?;
        let is_new = !data_dir.exists();
        let options = Options { bin_dir: settings.postgres_bin.clone(), ..Options::new(data_dir) };
        let server = Server::start(options).await?;
        server.create_database(NAME).await?;
        let url = server.url(NAME);
        write_secret(&url_file, &url)?;
        let store = Store::new(&embedded(config, &url))?;
        Ok(Self { store, server: Some(server), url_file, is_new })
    }

    /// Opens the database for a command. It works as [`open`](Self::open), but uses the server of a
    /// `weir` that runs on the same data folder.
    pub(crate) async fn open_or_join(settings: &Settings) -> Result<Self, Exit> {
        let data_dir = settings.data_dir.join(DATA_DIR);
        let given = is_given(&settings.ingest.database);
        if !given && !data_dir.exists() {
            return Err(Exit::usage(format!(
                "{} has no database: give --data-dir or --database-url",
                settings.data_dir.display()
            )));
        }
        match Self::open(settings).await {
            Err(_) if !given && is_in_use(&data_dir) => {
                let url_file = settings.data_dir.join(URL_FILE);
                let url = std::fs::read_to_string(&url_file).map_err(|e| {
                    Exit::failed(format!("cannot read {}: {e}", url_file.display()))
                })?;
                Ok(Self {
                    store: Store::new(&embedded(&settings.ingest.database, url.trim()))?,
                    server: None,
                    url_file,
                    is_new: false,
                })
            }
            other => other,
        }
    }

    /// Returns whether a database is given, or exists in the data folder.
    pub(crate) fn exists(settings: &Settings) -> bool {
        is_given(&settings.ingest.database) || settings.data_dir.join(DATA_DIR).exists()
    }

    /// Calls `work` with the database of [`open_or_join`](Self::open_or_join), and then closes the
    /// database, also after an error. A command that changes data has a row in the table `audit`.
    pub(crate) async fn with<T>(
        settings: &Settings,
        work: impl AsyncFnOnce(&Store) -> Result<T, Exit>,
    ) -> Result<T, Exit> {
        let database = Self::open_or_join(settings).await?;
        let done = audit::with(settings, &database.store, work).await;
        let closed = database.close().await;
        done.and_then(|value| closed.map(|()| value))
    }

    /// Works as [`open_or_join`](Self::open_or_join), and creates the database if there is none.
    pub(crate) async fn open_or_create(settings: &Settings) -> Result<Self, Exit> {
        if settings.data_dir.join(DATA_DIR).exists() {
            Self::open_or_join(settings).await
        } else {
            Self::open(settings).await
        }
    }

    /// Returns the embedded server's port, if this process started it.
    pub(crate) fn port(&self) -> Option<u16> {
        self.server.as_ref().map(Server::port)
    }

    /// Stops the embedded server if this process started it. Dropping the value also stops it, but
    /// blocks the thread.
    pub(crate) async fn close(mut self) -> Result<(), Exit> {
        if let Some(server) = self.server.take() {
            let _ = std::fs::remove_file(&self.url_file);
            server.stop().await?;
        }
        Ok(())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.server.is_some() {
            let _ = std::fs::remove_file(&self.url_file);
        }
    }
}

/// Returns whether the settings name a database. Then no embedded server is started.
fn is_given(config: &DatabaseConfig) -> bool {
    config.database_url.is_some() || config.database_secret_arn.is_some()
}

fn embedded(config: &DatabaseConfig, url: &str) -> DatabaseConfig {
    DatabaseConfig {
        database_url: Some(url.to_owned().into()),
        database_iam_region: None,
        ..config.clone()
    }
}

/// Creates the data folder. Returns the absolute path of the server's data, because the server runs
/// in another folder.
fn postgres_dir(data_dir: &Path) -> Result<PathBuf, Exit> {
    let cannot = |e: std::io::Error| {
        Exit::usage(format!(
            "cannot use the data folder {} ({e}): choose one that this user may write, with --data-dir",
            data_dir.display()
        ))
    };
    std::fs::create_dir_all(data_dir).map_err(cannot)?;
    Ok(std::path::absolute(data_dir).map_err(cannot)?.join(DATA_DIR))
}
