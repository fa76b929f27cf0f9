//! Connections that several runtimes use one after another.

use std::thread;

use anyhow::Context;
use tokio::runtime::Builder;
use weir_store::{DatabaseConfig, Store, StoreError};
use weir_tests::World;

/// Returns the backend's process id of a transaction.
async fn session(store: &Store) -> Result<i32, StoreError> {
    store
        .transaction("session", |tx| async move {
            Ok(tx.query("SELECT pg_backend_pid()", &[]).await?[0].try_get(0)?)
        })
        .await
}

/// A request of the API opens a connection on its own thread. A batch that uses the connection
/// later must not lose it when that thread ends.
#[tokio::test]
async fn a_connection_outlives_the_runtime_of_whoever_was_the_first() -> anyhow::Result<()> {
    let world = World::new().await?;
    let store = world.store()?;
    let elsewhere = store.clone();
    let first = thread::spawn(move || -> anyhow::Result<i32> {
        Ok(Builder::new_current_thread().enable_all().build()?.block_on(session(&elsewhere))?)
    });
    let first = tokio::task::spawn_blocking(|| first.join())
        .await?
        .map_err(|_| anyhow::anyhow!("it panicked"))??;
    assert_eq!(session(&store).await?, first);
    Ok(())
}

#[tokio::test]
async fn a_refused_connection_names_host_and_port() -> anyhow::Result<()> {
    let store = Store::new(&DatabaseConfig::from_url("postgresql://weir@127.0.0.1:1/weir"))?;
    let line = store.ping().await.expect_err("a closed port").to_string();
    assert!(line.starts_with("cannot connect to the database: 127.0.0.1:1: "), "{line}");
    assert!(line.contains("Connection refused"), "{line}");
    Ok(())
}

#[tokio::test]
async fn a_refused_login_names_host_and_port() -> anyhow::Result<()> {
    let world = World::new().await?;
    let url = world.database.url();
    let (_, place) = url.rsplit_once('@').context("a place")?;
    let (address, _) = place.split_once('/').context("a database")?;
    let refused = format!("postgresql://nobody:geheim@{place}");
    let error = Store::new(&DatabaseConfig::from_url(&refused))?.ping().await;
    let error = error.expect_err("an unknown role");
    let line = error.to_string();
    let named = format!("the database at {address} refused the connection: ");
    assert!(line.starts_with(&named) && line.contains("(SQLSTATE 28"), "{line}");
    assert!(!line.contains("geheim") && !error.is_transient(), "{error:?}");
    Ok(())
}
