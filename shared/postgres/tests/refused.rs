//! Tests of the errors of a server that cannot start.

mod common;

use std::fs;
use std::net::TcpListener;

use anyhow::Result;
use common::{folder, quick};
use weir_postgres::{Error, Options, Server};

async fn refused(options: Options) -> Error {
    let error = Server::start(options).await.expect_err("nothing to start");
    assert!(!error.to_string().contains('\n'), "one line: {error}");
    error
}

#[tokio::test]
async fn no_postgresql_and_no_fetching() -> Result<()> {
    let folder = folder(0o755)?;
    let error = refused(Options { search: false, fetch: false, ..quick(&folder) }).await;
    assert!(matches!(error, Error::NotFound), "{error}");
    assert!(error.to_string().contains("apt-get install postgresql"), "{error}");
    assert!(error.to_string().contains("--database-url"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_given_folder_without_postgresql() -> Result<()> {
    let folder = folder(0o755)?;
    let error =
        refused(Options { bin_dir: Some(folder.path().to_path_buf()), ..quick(&folder) }).await;
    assert!(matches!(error, Error::NotInFolder { .. }), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_folder_that_cannot_be_made() -> Result<()> {
    let folder = folder(0o755)?;
    let file = folder.path().join("file");
    fs::write(&file, "")?;
    let error = refused(Options::new(file.join("postgres"))).await;
    assert!(matches!(error, Error::Folder { .. }), "{error}");
    assert!(error.to_string().contains(&*file.to_string_lossy()), "{error}");
    Ok(())
}

#[tokio::test]
async fn data_without_its_password_or_of_another_version() -> Result<()> {
    let folder = folder(0o755)?;
    Server::start(quick(&folder)).await?.stop().await?;
    let password = folder.path().join("postgres-password");
    let kept = fs::read(&password)?;
    fs::remove_file(&password)?;
    assert!(matches!(refused(quick(&folder)).await, Error::NoPassword { .. }));
    fs::write(&password, "not this one")?;
    assert!(matches!(refused(quick(&folder)).await, Error::WrongPassword { .. }));
    fs::write(&password, kept)?;

    let version = folder.path().join("postgres/PG_VERSION");
    fs::write(&version, "11\n")?;
    assert!(matches!(refused(quick(&folder)).await, Error::OtherVersion { data: 11, .. }));
    Ok(())
}

#[tokio::test]
async fn a_port_that_is_taken() -> Result<()> {
    let folder = folder(0o755)?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port();
    let error = refused(Options { port: Some(port), ..quick(&folder) }).await;
    assert!(matches!(error, Error::PortTaken { port: named } if named == port), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_setting_that_the_server_refuses_is_quoted() -> Result<()> {
    let folder = folder(0o755)?;
    let error = refused(quick(&folder).setting("no_such_setting", "1")).await;
    assert!(matches!(error, Error::Start { .. }), "{error}");
    assert!(error.to_string().contains("no_such_setting"), "{error}");
    Ok(())
}
