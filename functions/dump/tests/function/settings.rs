//! A wrong setting is one line that names it, and the function does not start.

use anyhow::Result;
use weir_testkit::RuntimeApi;

#[tokio::test]
async fn a_wrong_or_missing_setting_is_one_line_and_exit_2() -> Result<()> {
    let runtime = RuntimeApi::start().await?;
    let command = || {
        let mut command = runtime.command(env!("CARGO_BIN_EXE_dump"));
        command.env("DATABASE_URL", "postgresql://weir@127.0.0.1:9/weir").env("BLOB_URL", "file:///tmp");
        command
    };
    for (name, value, says) in [
        ("DATABASE_URL", Some("nonsense"), "the database URL cannot be read"),
        ("DATABASE_URL", None, "DATABASE_URL"),
        ("BLOB_URL", None, "BLOB_URL"),
        ("BLOB_URL", Some("ftp://bucket"), "BLOB_URL"),
        ("DUMP_MODELS", Some("nothing"), "there is no model \"nothing\" to dump"),
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
        assert!(said.starts_with("dump: ") && said.contains(says) && said.lines().count() == 1, "{name}={value:?}: {said}");
    }
    Ok(())
}
