//! A later release was deployed and went back: the release before works on what it left.

use anyhow::Result;
use weir_model::models;
use weir_store::{DatabaseConfig, Store, migrate};
use weir_tests::World;

#[tokio::test]
async fn an_older_release_migrates_a_newer_schema_without_a_word() -> Result<()> {
    let world = World::new().await?;
    world
        .sql
        .batch_execute(
            "ALTER TABLE builds ADD COLUMN of_tomorrow text;
             INSERT INTO schema_history (version, name, applied_on, checksum) VALUES (9999, 'of_tomorrow', '2030-01-01T00:00:00Z', '1')",
        )
        .await?;
    let store = Store::new(&DatabaseConfig::from_url(world.database.url()))?;
    assert!(migrate::run(&store, &models::builtin(), &Vec::new()).await?.is_empty());
    migrate::check(&store, &models::builtin(), &Vec::new()).await?;
    Ok(())
}

#[tokio::test]
async fn a_migration_that_was_passed_over_is_an_error_not_left_out() -> Result<()> {
    let world = World::new().await?;
    world.sql.batch_execute("DELETE FROM schema_history WHERE version = 4").await?;
    world
        .sql
        .batch_execute(
            "INSERT INTO schema_history (version, name, applied_on, checksum) VALUES (9999, 'of_tomorrow', '2030-01-01T00:00:00Z', '1')",
        )
        .await?;
    let store = Store::new(&DatabaseConfig::from_url(world.database.url()))?;
    let error = migrate::run(&store, &models::builtin(), &Vec::new()).await.expect_err("V4 is missing");
    assert!(error.to_string().contains("lacks V4"), "{error}");
    Ok(())
}
