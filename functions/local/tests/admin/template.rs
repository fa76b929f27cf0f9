//! Tests that the template sets the variables that the function and its commands need.

use std::collections::BTreeSet;

use anyhow::Result;
use clap::CommandFactory;
use weir::AdminSettings;
use weir_testkit::template::{Template, known_variables};

/// Variables of the log and of the spans.
const OF_ALL: [&str; 2] = ["RUST_LOG", "OTEL_EXPORTER_OTLP_ENDPOINT"];

#[test]
fn the_template_sets_what_the_function_and_its_commands_know() -> Result<()> {
    let set = Template::read()?.environment("AdminFunction")?;
    let own = AdminSettings::command();
    let own: BTreeSet<String> = own
        .get_arguments()
        .filter_map(|arg| arg.get_env().map(|name| name.to_string_lossy().into_owned()))
        .collect();
    // Outside of Lambda, the function is the program.
    let of_commands = known_variables(env!("CARGO_BIN_EXE_admin"), &["help", "settings"])?;
    let known = |name: &&String| {
        own.contains(*name) || of_commands.contains(*name) || OF_ALL.contains(&name.as_str())
    };
    let unknown: Vec<&String> = set.iter().filter(|name| !known(name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    for needed in [
        "DATABASE_URL",
        "DATABASE_IAM_REGION",
        "DATABASE_READER_URL",
        "DATABASE_SECRET_ARN",
        "CONNECT_TIMEOUT",
        "STATEMENT_TIMEOUT",
        "LOCK_TIMEOUT",
        "MAX_RETRIES",
        "KAFKA_URL",
        "KAFKA_PROPERTIES",
        "BLOB_URL",
        "DUMP_MODELS",
        "DUMP_FORMATS",
        "API_KEYS_SECRET_ARN",
        "ADMIN_PART_SECONDS",
    ] {
        assert!(set.contains(needed), "{needed}");
    }
    Ok(())
}
