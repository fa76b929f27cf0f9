//! Functions that are built beside the template: what their settings are is written here until their own tests ask their
//! programs, as `functions/ingest/tests/function/template.rs` does.

use std::{collections::BTreeSet, path::Path};

use weir_testkit::template::Template;

const DATABASE: [&str; 7] = [
    "DATABASE_URL",
    "DATABASE_SECRET_ARN",
    "DATABASE_IAM_REGION",
    "STATEMENT_TIMEOUT",
    "LOCK_TIMEOUT",
    "CONNECT_TIMEOUT",
    "DATABASE_CONNECTIONS",
];

fn check(function: &str, folder: &str, known: &[&str], needed: &[&str]) -> anyhow::Result<()> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions").join(folder).join("tests/function/template.rs");
    if own.exists() {
        return Ok(());
    }
    let set = Template::read()?.environment(function)?;
    let known: BTreeSet<&str> = known.iter().chain(&["RUST_LOG"]).copied().collect();
    let unknown: Vec<&String> = set.iter().filter(|name| !known.contains(name.as_str())).collect();
    anyhow::ensure!(unknown.is_empty(), "{function} is given {unknown:?}, which it does not know");
    let missing: Vec<&&str> = needed.iter().filter(|name| !set.contains(**name)).collect();
    anyhow::ensure!(missing.is_empty(), "{function} is not given {missing:?}, which it needs");
    Ok(())
}

#[test]
fn dump_is_given_what_it_knows() -> anyhow::Result<()> {
    let own = ["BLOB_URL", "DUMP_MODELS", "DUMP_FORMATS", "KEEP"];
    check(
        "DumpFunction",
        "dump",
        &[&DATABASE[..], &own].concat(),
        &["DATABASE_URL", "DATABASE_SECRET_ARN", "DATABASE_IAM_REGION", "BLOB_URL"],
    )
}

#[test]
fn collect_is_given_what_it_knows() -> anyhow::Result<()> {
    let own = [
        "KAFKA_URL",
        "KAFKA_PROPERTIES",
        "KAFKA_IAM_REGION",
        "TOPICS",
        "EVENT_FIELDS",
        "DEDUPE",
        "PLUGINS",
        "AVRO",
        "API_KEYS_FILE",
        "API_KEYS_SECRET_ARN",
        "AUTH",
        "COLLECT_IDLE_TIMEOUT",
        "COLLECT_STREAMS",
        "FILES",
        "SOURCES",
        "UPLOAD_URL",
        "BASE_PATH",
    ];
    check("CollectFunction", "collect", &own, &["KAFKA_URL", "KAFKA_IAM_REGION", "TOPICS", "AUTH", "SOURCES", "UPLOAD_URL", "FILES"])
}
