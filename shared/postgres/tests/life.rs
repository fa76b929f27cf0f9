//! Tests of start, stop, restart and crash.

mod common;

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use anyhow::Result;
use common::{client, folder, quick};
use weir_postgres::{Error, Options, Server};

#[tokio::test]
async fn a_new_server_starts_and_keeps_its_data_over_a_stop() -> Result<()> {
    let folder = folder(0o755)?;
    let server = Server::start(quick(&folder)).await?;
    server.create_database("odd name").await?;
    server.create_database("odd name").await?;
    client(&server.url("odd name"))
        .await?
        .batch_execute("CREATE TABLE kept AS SELECT 7 AS n")
        .await?;
    server.stop().await?;

    let password = folder.path().join("postgres-password");
    assert_eq!(password.metadata()?.permissions().mode() & 0o777, 0o600);
    assert!(!folder.path().join("postgres.new").exists());

    let server = Server::start(quick(&folder)).await?;
    let row = client(&server.url("odd name")).await?.query_one("SELECT n FROM kept", &[]).await?;
    assert_eq!(row.get::<_, i32>(0), 7);
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn the_server_asks_for_the_password_and_has_no_socket_file() -> Result<()> {
    let folder = folder(0o755)?;
    let server = Server::start(quick(&folder)).await?;
    let open = format!("postgresql://weir:wrong@127.0.0.1:{}/postgres", server.port());
    assert!(client(&open).await.is_err());
    let shown = client(&server.url("postgres")).await?;
    for (setting, value) in [("unix_socket_directories", ""), ("listen_addresses", "127.0.0.1")] {
        let row = shown.query_one("SELECT current_setting($1)", &[&setting]).await?;
        assert_eq!(row.get::<_, String>(0), value, "{setting}");
    }
    assert!(!format!("{server:?}").contains(
        &std::fs::read_to_string(folder.path().join("postgres-password"))?.trim().to_owned()
    ));
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_killed_server_restarts_on_its_port_with_what_was_committed() -> Result<()> {
    let folder = folder(0o755)?;
    let mut server = Server::start(Options::new(folder.path().join("postgres"))).await?;
    let (port, pid) = (server.port(), server.pid());
    let busy = client(&server.url("postgres")).await?;
    busy.batch_execute("CREATE TABLE kept AS SELECT 7 AS n").await?;
    // A busy backend that does not notice the death of its postmaster must not block the next
    // start.
    let query = tokio::spawn(async move {
        busy.batch_execute("SELECT count(*) FROM generate_series(1, 100000000000)").await
    });
    tokio::time::sleep(Duration::from_millis(100)).await;

    server.kill_hard().await?;
    assert!(server.pid().is_none());
    assert!(query.await?.is_err());
    server.restart().await?;
    assert_eq!(server.port(), port);
    assert_ne!(server.pid(), pid);
    let row = client(&server.url("postgres")).await?.query_one("SELECT n FROM kept", &[]).await?;
    assert_eq!(row.get::<_, i32>(0), 7);
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_second_program_on_the_same_data_is_told_so() -> Result<()> {
    let folder = folder(0o755)?;
    let server = Server::start(quick(&folder)).await?;
    let second = Server::start(quick(&folder)).await;
    let error = second.expect_err("the data is in use");
    assert!(matches!(error, Error::InUse { .. }), "{error}");
    assert!(error.to_string().starts_with("another weir uses "), "{error}");
    drop(server);
    Server::start(quick(&folder)).await?.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_folder_that_only_we_may_enter_works() -> Result<()> {
    let folder = folder(0o700)?;
    let server = Server::start(quick(&folder)).await?;
    client(&server.url("postgres")).await?.batch_execute("CREATE TABLE t (n int)").await?;
    server.stop().await?;
    assert_eq!(
        folder.path().metadata()?.permissions().mode() & 0o777,
        0o700,
        "never chmod a parent"
    );
    Server::start(quick(&folder)).await?.stop().await?;
    Ok(())
}
