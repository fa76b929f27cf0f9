//! A newer release was deployed and rolled back. The older release works on the newer schema.

use anyhow::Result;
use weir_model::models;
use weir_store::{DatabaseConfig, Store, migrate};
use weir_tests::{World, tables};

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
    let error =
        migrate::run(&store, &models::builtin(), &Vec::new()).await.expect_err("V4 is missing");
    assert!(error.to_string().contains("lacks V4"), "{error}");
    Ok(())
}

/// The history table of the builds before the first release.
#[tokio::test]
async fn a_database_of_an_older_build_is_refused_in_one_line_that_says_how_to_move() -> Result<()> {
    let world = World::new().await?;
    world
        .sql
        .batch_execute(
            "DELETE FROM schema_history;
             INSERT INTO schema_history (version, name, applied_on, checksum)
             SELECT row_number() OVER (), name, '2026-01-01T00:00:00Z', '1' FROM unnest(ARRAY[
                 'streams', 'events', 'failures', 'builds', 'readings', 'day_changes', 'lists', 'dumps', 'cdevents', 'api', 'api_delivery',
                 'dora_in_one_pass', 'dora_by_place']) AS name",
        )
        .await?;
    let (store, before) = (world.store()?, tables::everything(&world.sql).await?);
    for refused in [
        migrate::run(&store, &models::builtin(), &Vec::new()).await.map(|_| ()),
        migrate::status(&store, &models::builtin(), &Vec::new()).await.map(|_| ()),
        migrate::check(&store, &models::builtin(), &Vec::new()).await,
    ] {
        let line = refused.expect_err("older").to_string();
        assert!(
            line.starts_with("an older build of Weir created this database (V1 is streams), "),
            "{line}"
        );
        assert!(
            ["`weir dump --blob-url", "--data-dir", "`weir restore --from"]
                .iter()
                .all(|way| line.contains(way)),
            "{line}"
        );
        assert!(!line.contains('\n'), "{line}");
    }
    assert_eq!(tables::everything(&world.sql).await?, before);
    Ok(())
}

/// An unreleased build had a different text of the same migration.
#[tokio::test]
async fn a_changed_migration_is_refused_with_the_same_remedy() -> Result<()> {
    let world = World::new().await?;
    world.sql.batch_execute("UPDATE schema_history SET checksum = '1' WHERE version = 4").await?;
    let (store, before) = (world.store()?, tables::everything(&world.sql).await?);
    let error = migrate::run(&store, &models::builtin(), &Vec::new()).await.expect_err("V4");
    let line = error.to_string();
    assert!(
        line.starts_with(
            "an older build of Weir created this database (V4 readings has changed since), "
        ),
        "{line}"
    );
    assert_eq!(tables::everything(&world.sql).await?, before);
    Ok(())
}
