//! The table of failures: models and counts.

mod counts;

use anyhow::Context;
use weir_store::{
    event_id::EventId,
    retry::{self, Retried, place_of},
};
use weir_tests::{
    World,
    batches::{event, record},
    deliver, tables,
};

/// Selects the model, the class and the place of each failure.
const MODELS: &str = "SELECT s.topic || ' ' || f.model || ' ' || f.error_class FROM failures f JOIN streams s ON s.id = f.stream ORDER BY 1";

#[tokio::test]
async fn a_failure_has_the_model_that_could_not_take_the_record() -> anyhow::Result<()> {
    let world = World::new().await?;
    // The constraint refuses the last record in the database, after its model accepted it.
    world
        .sql
        .batch_execute("ALTER TABLE builds ADD CHECK (status_build <> 'cursed') NOT VALID")
        .await?;
    let cursed = weir_tests::batches::build(1, "cursed", "2026-01-02T00:00:00Z", false);
    world
        .deliver(event([
            record("orders", 0, 0, "{"),
            record("readings", 0, 0, "{"),
            record("unbound", 0, 0, "{}"),
            record("build_events", 0, 0, cursed),
        ]))
        .await?;
    let models = [
        "build_events builds database_23514",
        "orders events invalid_json",
        "readings readings invalid_reading",
        "unbound events unbound_topic",
    ];
    assert_eq!(tables::column(&world.sql, MODELS).await?, models);

    // A refused retry is the attempt of another model.
    let bound = weir_model::TopicsConfig {
        topics: "unbound=builds,orders=readings".parse()?,
        ..weir_model::TopicsConfig::default()
    };
    let writer = world.writer_with(&bound)?;
    for id in ["unbound-0-0", "orders-0-0"] {
        let id: EventId = id.parse().map_err(|()| anyhow::anyhow!("an id"))?;
        let place = place_of(writer.store(), &id).await?.context("a place")?;
        let retried = retry::failure(&writer, place).await?;
        if id.topic == "orders" {
            assert!(matches!(retried, Retried::Refused { .. }), "{retried:?}");
        } else {
            assert_eq!(retried, Retried::Skipped);
        }
    }
    let models = [
        "build_events builds database_23514",
        "orders readings invalid_reading",
        "readings readings invalid_reading",
    ];
    assert_eq!(tables::column(&world.sql, MODELS).await?, models);
    Ok(())
}

/// The indexes have hashes of the texts, because an index entry has a largest size.
#[tokio::test]
async fn a_failure_is_stored_whatever_the_length_of_its_texts() -> anyhow::Result<()> {
    let world = World::new().await?;
    let mut dice = weir_tests::dice::Dice::new(3);
    // Text that an index cannot compress.
    let mut long = || -> String {
        (0..9_000)
            .map(|_| char::from(*dice.one_of(b"abcdefghijklmnopqrstuvwxyz0123456789")))
            .collect()
    };
    let fields = weir_model::TopicsConfig {
        event_fields: vec![
            "orders=entity_id:/id,event_type:/kind,event_version:/v"
                .parse()
                .map_err(anyhow::Error::msg)?,
        ],
        ..weir_tests::topics_config()?
    };
    let value = serde_json::json!({"id": long(), "kind": long(), "v": long()}).to_string();
    let report =
        deliver(&world.writer_with(&fields)?, event([record("orders", 0, 0, value)])).await?;
    assert_eq!((report.event_failed, report.refused_reason), (1, None));
    let lengths = "SELECT concat_ws(' ', length(entity_id), length(event_type), length(event_version)) FROM failures";
    assert_eq!(tables::column(&world.sql, lengths).await?, ["9000 9000 9000"]);
    Ok(())
}
