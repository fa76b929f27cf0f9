//! Tests that the template sets all variables that the function needs, and no unknown ones.

#[test]
fn the_template_sets_what_the_function_knows() -> anyhow::Result<()> {
    let needed = [
        "DATABASE_URL",
        "DATABASE_IAM_REGION",
        "DATABASE_READER_URL",
        "DATABASE_SECRET_ARN",
        "CONNECT_TIMEOUT",
        "STATEMENT_TIMEOUT",
        "BLOB_URL",
        "DUMP_FORMATS",
    ];
    weir_testkit::template::check_environment("DumpFunction", env!("CARGO_BIN_EXE_dump"), &needed)
}
