//! The specification's own examples, three times, in any order.

use std::collections::BTreeMap;

use serde_json::Value;
use weir_model::{Model, cdevents::CdEvents};
use weir_tests::{
    World, audit,
    batches::event,
    dice::{Dice, again, seeds},
    tables::column,
};

use super::{EXAMPLES, record};

/// What the tables say, but for which of several equal records said it.
async fn said(world: &World) -> anyhow::Result<BTreeMap<&'static str, Vec<String>>> {
    let mut all = BTreeMap::new();
    for table in CdEvents.tables() {
        let places = "'{imported_at,record_timestamp_ms,stream,partition,offset}'::text[]";
        all.insert(*table, column(&world.sql, &format!("SELECT (to_jsonb(t) - {places})::text FROM {table} t ORDER BY 1")).await?);
    }
    Ok(all)
}

#[tokio::test]
async fn each_is_stored_without_fault_and_every_field_is_found() -> anyhow::Result<()> {
    let world = World::new().await?;
    let records = (0..).zip(EXAMPLES.lines()).map(|(offset, line)| record(0, offset, 5, line));
    assert_eq!(world.deliver(event(records)).await?.event_acknowledged, 45);
    assert_eq!(world.count("SELECT count(*) FROM api.cdevents WHERE problems IS NULL").await?, 45);
    for line in EXAMPLES.lines() {
        let event: Value = serde_json::from_str(line)?;
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let found = "SELECT count(*) FROM api.cdevents WHERE id = $1 AND source = $2 AND type = $3 AND \"timestamp\" = $4::text::timestamptz AND subject_id = $5
            AND subject_source IS NOT DISTINCT FROM $6 AND chain_id IS NOT DISTINCT FROM $7 AND payload = $8::text::jsonb
            AND type = concat_ws('.', 'dev.cdevents', subject, predicate, version)";
        let row = world
            .sql
            .query_one(
                found,
                &[
                    &text("/context/id"),
                    &text("/context/source"),
                    &text("/context/type"),
                    &text("/context/timestamp"),
                    &text("/subject/id"),
                    &text("/subject/source"),
                    &text("/context/chainId"),
                    &line,
                ],
            )
            .await?;
        assert_eq!(row.try_get::<_, i64>(0)?, 1, "{line}");
    }
    let relations = "SELECT relation || ' ' || count(*) FROM api.graph_edges GROUP BY relation ORDER BY 1";
    let expected = [
        "affects 1",
        "deployedTo 2",
        "deployedWith 3",
        "derivedFrom 3",
        "follows 2",
        "instanceOf 2",
        "partOf 2",
        "produced 1",
        "runsIn 2",
        "trigger 2",
    ];
    assert_eq!(column(&world.sql, relations).await?, expected);
    Ok(())
}

#[tokio::test]
async fn three_times_in_any_order_they_say_the_same() -> anyhow::Result<()> {
    let clean = World::new().await?;
    clean.deliver(event((0..).zip(EXAMPLES.lines()).map(|(offset, line)| record(0, offset, 5, line)))).await?;
    let wanted = said(&clean).await?;
    for seed in seeds(20)? {
        let mut dice = Dice::new(seed);
        let mut lines: Vec<&str> = EXAMPLES.lines().chain(EXAMPLES.lines()).chain(EXAMPLES.lines()).collect();
        dice.shuffle(&mut lines);
        let world = World::new().await?;
        let mut next = [0_i64; 3];
        let mut lines = &lines[..];
        while !lines.is_empty() {
            let (batch, rest) = lines.split_at(dice.place(1..lines.len() + 1));
            let records: Vec<_> = batch
                .iter()
                .map(|line| {
                    let partition = dice.place(0..next.len());
                    next[partition] += 1;
                    record(i32::try_from(partition).unwrap_or_default(), next[partition] - 1, *dice.one_of(&[5, 6, -7]), line)
                })
                .collect();
            world.deliver(event(records)).await?;
            lines = rest;
        }
        assert_eq!(world.count("SELECT count(*) FROM cdevents").await?, 45);
        assert_eq!(world.count("SELECT count(*) FROM events WHERE outcome = 'event'").await?, 135);
        for (table, rows) in said(&world).await? {
            audit::same(table, &rows, &wanted[table]).map_err(|error| error.context(again(seed)))?;
        }
    }
    Ok(())
}
