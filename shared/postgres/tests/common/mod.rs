//! Helpers of the tests: a folder that another user can enter, and a client.
#![allow(dead_code, reason = "not every test file uses all of it")]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use anyhow::Result;
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};
use weir_postgres::Options;

/// A temporary folder with the given mode.
pub(crate) fn folder(mode: u32) -> Result<TempDir> {
    Ok(tempfile::Builder::new()
        .prefix("weir-postgres-")
        .permissions(Permissions::from_mode(mode))
        .tempdir()?)
}

/// Returns options for a server in `folder` whose data need not survive a power cut.
pub(crate) fn quick(folder: &TempDir) -> Options {
    Options::new(folder.path().join("postgres")).setting("fsync", "off")
}

/// Connects to the database at `url`; the connection ends with the test's runtime.
pub(crate) async fn client(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
