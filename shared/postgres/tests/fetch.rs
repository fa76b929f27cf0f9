//! Tests the download, on request only: `bash tests/external/postgres/run`.

mod common;

use anyhow::Result;
use common::{client, folder, quick};
use weir_postgres::{FETCHED_VERSION, Options, Server};

#[tokio::test]
#[ignore = "downloads PostgreSQL, about 10 MB: bash tests/external/postgres/run"]
async fn a_machine_without_postgresql_gets_one() -> Result<()> {
    for mode in [0o755, 0o700] {
        let folder = folder(mode)?;
        let options = || Options { search: false, ..quick(&folder) };
        let server = Server::start(options()).await?;
        let row =
            client(&server.url("postgres")).await?.query_one("SHOW server_version", &[]).await?;
        assert!(FETCHED_VERSION.starts_with(row.get::<_, &str>(0)));
        server.stop().await?;
        assert_eq!(
            std::fs::read_dir(folder.path().join("binaries"))?
                .flatten()
                .filter(|e| e.path().is_dir())
                .count(),
            1
        );
        // The second start needs no download and no network.
        Server::start(options()).await?.stop().await?;
    }
    Ok(())
}
