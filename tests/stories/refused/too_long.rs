//! Keys that are too long for an index are found during decoding.

use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;
use serde_json::json;
use tokio_postgres::types::{ToSql, Type};
use weir_plugin::{
    DatabasePlugin, Migration, NewEvent, PluginError, Tx, daily_totals::DailyTotals,
};
use weir_testkit::Record;
use weir_tests::{
    World,
    batches::{event, orders, record},
    deliver,
    dice::Dice,
    tables, topics_config,
};

use crate::ledger::with_plugins;

/// Returns text that an index cannot compress.
fn random(dice: &mut Dice, length: usize) -> String {
    (0..length)
        .map(|_| char::from(b'a' + u8::try_from(dice.within(0..26)).unwrap_or_default()))
        .collect()
}

const FAILURES: &str =
    "SELECT error_class || ': ' || error_message FROM failures ORDER BY \"offset\"";

#[tokio::test]
async fn an_over_long_entity_is_a_failure_that_can_be_found_by_it() -> anyhow::Result<()> {
    let world = World::new().await?;
    let mut dice = Dice::new(1);
    let id = random(&mut dice, 4_000);
    let with_id = |offset, id: &str| {
        let headers = [("ce_id", id), ("ce_type", "placed"), ("ce_time", "2025-05-05T05:05:05Z")];
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Some(value.as_bytes().to_vec())))
            .collect();
        Record { headers: Some(headers), ..record("orders", 0, offset, "{}") }
    };
    // 2,600 bytes always fit.
    let report = world
        .deliver(event([with_id(0, &id), with_id(1, &id[..2_601]), with_id(2, &id[..2_600])]))
        .await?;
    assert_eq!((report.event_acknowledged, report.event_failed), (1, 2));
    let says = |bytes| {
        format!("too_long: entity_id has {bytes} bytes, but an index entry can have at most 2600")
    };
    assert_eq!(tables::column(&world.sql, FAILURES).await?, [says(4_000), says(2_601)]);
    let found = "SELECT event_type || ' ' || (event_time AT TIME ZONE 'UTC') FROM failures WHERE entity_id = $1";
    assert_eq!(
        world.sql.query_one(found, &[&id]).await?.try_get::<_, String>(0)?,
        "placed 2025-05-05 05:05:05"
    );
    Ok(())
}

#[tokio::test]
async fn ten_thousand_over_long_ids_cost_no_second_try() -> anyhow::Result<()> {
    let world = World::new().await?;
    let mut dice = Dice::new(2);
    let fields = weir_model::TopicsConfig {
        event_fields: vec!["orders=entity_id:/id".parse().map_err(anyhow::Error::msg)?],
        ..topics_config()?
    };
    let writer = world.writer_with(&fields)?;
    let id = random(&mut dice, 4_000);
    let values = (0..10_000).map(|offset| {
        record("orders", 0, offset, json!({"id": format!("{id}{offset}")}).to_string())
    });
    let report = deliver(&writer, event(values)).await?;
    assert_eq!((report.event_failed, report.refused_reason), (10_000, None));
    Ok(())
}

#[tokio::test]
async fn cdevents_up_to_the_limit_are_stored_with_all_their_tables() -> anyhow::Result<()> {
    let world = World::new().await?;
    let mut dice = Dice::new(3);
    let of = |dice: &mut Dice, [id, source, subject, environment, artifact]: [usize; 5]| {
        json!({"context": {"specversion": "0.5.1", "id": random(dice, id), "source": format!("/{}", random(dice, source)),
                "type": "dev.cdevents.service.deployed.0.3.0", "timestamp": "2026-01-01T00:00:00Z", "chainId": random(dice, 2_600)},
            "subject": {"id": random(dice, subject), "content": {"environment": {"id": random(dice, environment)}, "artifactId": random(dice, artifact)}}})
        .to_string()
    };
    let kind = "dev.cdevents.service.deployed.0.3.0".len();
    let events = [
        of(&mut dice, [2_600 - 101 - kind, 100, 10, 10, 10]),
        of(&mut dice, [100, 2_599 - 100 - kind, 10, 10, 10]),
        of(&mut dice, [10, 10, 2_593, 0, 0]),
        of(&mut dice, [10, 10, 900, 800, 800]),
        of(&mut dice, [10, 10, 1_000, 792, 800]),
        // Each of them is one byte longer.
        of(&mut dice, [2_600 - 101 - kind + 1, 100, 10, 10, 10]),
        of(&mut dice, [10, 10, 2_594, 10, 10]),
        of(&mut dice, [10, 10, 1_000, 793, 800]),
    ];
    let records =
        (0..).zip(&events).map(|(offset, value)| record("cdevents", 0, offset, value.as_str()));
    let report = world.deliver(event(records)).await?;
    assert_eq!(
        (report.event_acknowledged, report.event_failed, report.refused_reason),
        (5, 3, None)
    );
    let failures = tables::column(&world.sql, FAILURES).await?;
    for (failure, fields) in failures.iter().zip([
        "context.id, context.source and context.type",
        "subject.id",
        "subject.content.environment.id",
    ]) {
        assert!(failure.starts_with(&format!("too_long: {fields}")), "{failure}");
    }
    assert_eq!(world.count("SELECT count(*) FROM cdevents").await?, 5);
    assert_eq!(world.count("SELECT count(*) FROM cdevents_deployments").await?, 4);
    Ok(())
}

#[tokio::test]
async fn a_plugins_key_is_read_from_the_catalog() -> anyhow::Result<()> {
    let world = World::new().await?;
    let mut dice = Dice::new(4);
    let writer = with_plugins(&world, vec![Arc::new(DailyTotals)]).await?;
    let kind = random(&mut dice, 3_000);
    let placed = |offset, kind: &str| Record {
        headers: Some(vec![("ce_type".to_owned(), Some(kind.as_bytes().to_vec()))]),
        ..record("orders", 0, offset, "{}")
    };
    let report = deliver(&writer, event([placed(0, &kind), placed(1, &kind[..2_600])])).await?;
    assert_eq!((report.event_acknowledged, report.event_failed), (1, 1));
    let wanted = "too_long: event_type, a key of daily_totals.totals, has 3000 bytes, but an index entry can have at most 2600";
    assert_eq!(tables::column(&world.sql, FAILURES).await?, [wanted]);
    // Without the plugin the log stores it.
    assert_eq!(
        world
            .deliver(event([Record { partition: 1, ..placed(0, &kind) }]))
            .await?
            .event_acknowledged,
        1
    );
    Ok(())
}

/// Stores values by their text, in a column with an unrelated name.
struct Words;

#[async_trait]
impl DatabasePlugin for Words {
    fn name(&self) -> &'static str {
        "words"
    }

    fn migrations(&self) -> &'static [Migration] {
        &[Migration {
            version: 1,
            name: "words",
            sql: "CREATE TABLE words (word text PRIMARY KEY)",
        }]
    }

    async fn apply(&self, tx: &Tx, events: &[NewEvent<'_>]) -> Result<(), PluginError> {
        let words: Vec<&str> = events.iter().map(|event| &*event.payload).collect();
        let params: [(&(dyn ToSql + Sync), Type); 1] = [(&words, Type::TEXT_ARRAY)];
        tx.execute(
            "-- words.insert\nINSERT INTO words.words SELECT unnest($1) ON CONFLICT DO NOTHING",
            &params,
        )
        .await?;
        Ok(())
    }
}

#[tokio::test]
async fn what_only_the_database_can_tell_is_too_long_all_the_same() -> anyhow::Result<()> {
    let world = World::new().await?;
    let mut dice = Dice::new(5);
    let writer = with_plugins(&world, vec![Arc::new(Words)]).await?;
    let mut records = orders(0..20);
    records[7].value = json!(random(&mut dice, 6_000)).to_string().into();
    let report = deliver(&writer, event(records)).await?;
    assert_eq!((report.event_acknowledged, report.event_failed), (19, 1));
    let failures = tables::column(&world.sql, FAILURES).await?;
    let failure = failures.first().context("a failure")?;
    assert!(
        failure.starts_with("too_long: plugin words: index row size")
            && failure.contains("constraint words_pkey"),
        "{failure}"
    );
    Ok(())
}
