//! The specification's examples, each three times, in random order.

use std::collections::BTreeMap;

use proptest::{
    bool::weighted,
    collection::vec,
    sample::select,
    strategy::{Just, Strategy},
    test_runner::{Config, TestCaseError, TestRunner},
};
use serde_json::Value;
use weir_model::{Model, cdevents::CdEvents};
use weir_tests::{World, audit, batches::event, tables::column};

use super::{EXAMPLES, record};

/// Returns the rows of the tables, without the columns that say which of several equal records was
/// stored.
async fn said(world: &World) -> anyhow::Result<BTreeMap<&'static str, Vec<String>>> {
    let mut all = BTreeMap::new();
    for table in CdEvents.tables() {
        let places = "'{imported_at,record_timestamp_ms,stream,partition,offset}'::text[]";
        all.insert(
            *table,
            column(
                &world.sql,
                &format!("SELECT (to_jsonb(t) - {places})::text FROM {table} t ORDER BY 1"),
            )
            .await?,
        );
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
        let text =
            |pointer: &str| event.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
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
    let relations =
        "SELECT relation || ' ' || count(*) FROM api.graph_edges GROUP BY relation ORDER BY 1";
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

/// One try: the order of the 135 lines, and for each line its partition, its record's timestamp,
/// and whether a batch ends after it.
type Arrivals = (Vec<&'static str>, Vec<(usize, i64, bool)>);

fn arrivals() -> impl Strategy<Value = Arrivals> {
    let thrice: Vec<&'static str> = [EXAMPLES; 3].iter().flat_map(|all| all.lines()).collect();
    let places = vec((0..3_usize, select(vec![5, 6, -7]), weighted(0.1)), thrice.len());
    (Just(thrice).prop_shuffle(), places)
}

/// Returns the rows after these arrivals.
async fn said_of(
    (lines, places): &Arrivals,
) -> anyhow::Result<(World, BTreeMap<&'static str, Vec<String>>)> {
    let world = World::new().await?;
    let (mut next, mut batch) = ([0_i64; 3], Vec::new());
    for (n, (line, &(partition, timestamp, ends))) in lines.iter().zip(places).enumerate() {
        batch.push(record(i32::try_from(partition)?, next[partition], timestamp, line));
        next[partition] += 1;
        if ends || n + 1 == lines.len() {
            world.deliver(event(std::mem::take(&mut batch))).await?;
        }
    }
    let said = said(&world).await?;
    Ok((world, said))
}

#[test]
fn three_times_in_any_order_they_say_the_same() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let wanted = runtime.block_on(async {
        let clean = World::new().await?;
        clean
            .deliver(event(
                (0..).zip(EXAMPLES.lines()).map(|(offset, line)| record(0, offset, 5, line)),
            ))
            .await?;
        said(&clean).await
    })?;
    // Each try needs a new database, and so does each step of shrinking.
    let config =
        Config { cases: 24, max_shrink_iters: 60, failure_persistence: None, ..Config::default() };
    let holds = TestRunner::new(config).run(&arrivals(), |arrivals| {
        let checked = runtime.block_on(async {
            let (world, said) = said_of(&arrivals).await?;
            anyhow::ensure!(
                world.count("SELECT count(*) FROM cdevents").await? == 45,
                "not one row each"
            );
            anyhow::ensure!(
                world.count("SELECT count(*) FROM events WHERE outcome = 'event'").await? == 135,
                "the log has not all"
            );
            for (table, rows) in said {
                audit::same(table, &rows, &wanted[table])?;
            }
            Ok(())
        });
        checked.map_err(|error| TestCaseError::fail(format!("{error:#}")))
    });
    holds.map_err(|error| anyhow::anyhow!("{error}"))
}
