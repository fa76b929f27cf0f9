//! Tests that a wrong setting gives one line that names the setting, and that the function does not
//! start.

use anyhow::Result;
use weir_model::models;
use weir_settings::{DataFlags, Wanted};
use weir_store::{DatabaseConfig, Store};
use weir_testkit::RuntimeApi;

use crate::world;

#[tokio::test]
async fn a_wrong_or_missing_setting_is_one_line_and_exit_2() -> Result<()> {
    let runtime = RuntimeApi::start().await?;
    let command = || {
        let mut command = runtime.command(env!("CARGO_BIN_EXE_dump"));
        command
            .env("DATABASE_URL", "postgresql://weir@127.0.0.1:9/weir")
            .env("BLOB_URL", "file:///tmp");
        command
    };
    for (name, value, says) in [
        ("DATABASE_URL", Some("nonsense"), "cannot parse the database URL"),
        ("DATABASE_URL", None, "DATABASE_URL"),
        ("BLOB_URL", None, "BLOB_URL"),
        ("BLOB_URL", Some("ftp://bucket"), "BLOB_URL"),
        (
            "DUMP_MODELS",
            Some("nothing"),
            "model \"nothing\" does not exist or has no table to dump",
        ),
        ("DUMP_FORMATS", Some("xls"), "DUMP_FORMATS"),
        ("KEEP", Some("long"), "KEEP"),
        ("STATEMENT_TIMEOUT", Some("0"), "STATEMENT_TIMEOUT"),
    ] {
        let mut command = command();
        let ended = match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
        let ended = ended.output().await?;
        let said = String::from_utf8(ended.stderr)?;
        assert_eq!(ended.status.code(), Some(2), "{name}={value:?}: {said}");
        assert!(
            said.starts_with("dump: ") && said.contains(says) && said.lines().count() == 1,
            "{name}={value:?}: {said}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_contradicts_the_database_is_one_line_that_names_both() -> Result<()> {
    let (database, runtime) = (world::database().await?, RuntimeApi::start().await?);
    let store = Store::new(&DatabaseConfig::from_url(database.url()))?;
    let flags = DataFlags { keep: Some(400), ..DataFlags::default() };
    Wanted::of(&flags)?.start(&store, &models::builtin(), &weir_plugin::builtin()).await?;
    let mut command = runtime.command(env!("CARGO_BIN_EXE_dump"));
    let ended = command
        .env("DATABASE_URL", database.url())
        .env("BLOB_URL", "file:///tmp")
        .env("KEEP", "30d")
        .output()
        .await?;
    let said = String::from_utf8(ended.stderr)?;
    assert_eq!((ended.status.code(), said.lines().count()), (Some(2), 1), "{said}");
    assert!(
        said.contains("--keep (KEEP) is 30d, but the database has 400d")
            && said.contains("`weir apply --keep"),
        "{said}"
    );
    Ok(())
}
