//! Tests that the template sets all variables that the function needs, and no unknown ones.

#[test]
fn the_template_sets_what_the_function_knows() -> anyhow::Result<()> {
    let needed = [
        "DATABASE_URL",
        "DATABASE_IAM_REGION",
        "DATABASE_READER_URL",
        "DATABASE_SECRET_ARN",
        "DATABASE_POOLED",
        "STATEMENT_TIMEOUT",
        "REQUEST_TIMEOUT",
        "SETTINGS_VERSION",
        "AUTH",
        "API_KEYS_SECRET_ARN",
        "BLOB_URL",
        "PUBLIC_DUMPS",
    ];
    weir_testkit::template::check_environment("ApiFunction", env!("CARGO_BIN_EXE_api"), &needed)
}
