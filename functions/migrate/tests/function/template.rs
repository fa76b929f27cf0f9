//! Tests that the template sets all variables that the function needs, and no unknown ones.

#[test]
fn the_template_sets_what_the_function_knows() -> anyhow::Result<()> {
    let needed = [
        "DATABASE_URL",
        "DATABASE_SECRET_ARN",
        "DATABASE_ROLES",
        "SETTINGS_DIR",
        "KAFKA_URL",
        "MSK_CLUSTER_ARN",
        "KAFKA_PROPERTIES",
        "KAFKA_IAM_REGION",
    ];
    weir_testkit::template::check_environment(
        "MigrateFunction",
        env!("CARGO_BIN_EXE_migrate"),
        &needed,
    )
}
