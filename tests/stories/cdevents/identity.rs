//! Each identity has one row: that of the first record, whatever arrived first. Other records with
//! different content are noted as a problem.

use serde_json::json;
use weir_store::replay::{self, Selection};
use weir_tests::{
    World,
    batches::event,
    dice::{Dice, again, seeds},
    tables::{self, column},
};

use super::{cdevent, record};

const ROWS: &str = "SELECT concat_ws(' ', id, subject_id, coalesce(problems, '-'), record_timestamp_ms, partition, \"offset\") FROM cdevents ORDER BY 1";

fn build(subject: &str) -> String {
    cdevent("1", "build.queued", subject, "2026-01-01T00:00:00Z", &json!({}))
}

#[tokio::test]
async fn the_first_record_is_the_row_and_others_are_heard_of() -> anyhow::Result<()> {
    // Subject, partition, record timestamp, in the order of arrival; in separate batches, or in one
    // batch.
    for (arrivals, row) in [
        (vec![("a", 0, 5)], "1 a - 5 0 0"),
        (vec![("a", 0, 5), ("a", 1, 5)], "1 a - 5 0 0"),
        (vec![("a", 1, 5), ("a", 0, 5)], "1 a - 5 0 0"),
        (vec![("a", 0, 5), ("b", 1, 5)], "1 a identity reused 5 0 0"),
        (vec![("b", 1, 5), ("a", 0, 5)], "1 a identity reused 5 0 0"),
        (vec![("a", 0, 5), ("b", 1, 4)], "1 b identity reused 4 1 0"),
        (vec![("b", 1, 4), ("a", 0, 5)], "1 b identity reused 4 1 0"),
        (vec![("a", 0, 5), ("b", 1, 6), ("a", 2, 4)], "1 a identity reused 4 2 0"),
        (vec![("b", 1, 6), ("a", 0, 5), ("a", 2, 4)], "1 a identity reused 4 2 0"),
    ] {
        for together in [true, false] {
            let world = World::new().await?;
            let records: Vec<_> = arrivals
                .iter()
                .map(|(subject, partition, timestamp)| {
                    record(*partition, 0, *timestamp, &build(subject))
                })
                .collect();
            if together {
                world.deliver(event(records)).await?;
            } else {
                for record in records {
                    world.deliver(event([record])).await?;
                }
            }
            assert_eq!(column(&world.sql, ROWS).await?, [row], "{arrivals:?} together: {together}");
            assert_eq!(world.count("SELECT count(*) FROM failures").await?, 0);
        }
    }
    Ok(())
}

/// The same content in another notation is the same content. The record's own problems come before
/// the reuse.
#[tokio::test]
async fn what_is_said_counts_not_how() -> anyhow::Result<()> {
    let world = World::new().await?;
    let odd = build("a").replace("0.5.1", "9.9");
    let pretty = odd.replace(',', " ,\n");
    world.deliver(event([record(0, 0, 5, &odd)])).await?;
    world.deliver(event([record(1, 0, 6, &pretty)])).await?;
    let fault = "context.specversion \"9.9\" is unknown";
    assert_eq!(column(&world.sql, "SELECT problems FROM cdevents").await?, [fault]);
    world.deliver(event([record(2, 0, 7, &odd.replace("9.9", "8.8"))])).await?;
    world.deliver(event([record(2, 1, 8, &odd.replace("9.9", "7.7"))])).await?;
    assert_eq!(
        column(&world.sql, "SELECT problems FROM cdevents").await?,
        [format!("{fault}; identity reused")]
    );
    Ok(())
}

/// Source, id and type together are the identity. A difference in one of them makes another
/// identity.
#[tokio::test]
async fn another_source_id_or_type_is_another_event() -> anyhow::Result<()> {
    let world = World::new().await?;
    let one = build("a");
    let others = [
        one.replace("/tests", "/other"),
        one.replace("\"id\":\"1\"", "\"id\":\"2\""),
        one.replace("queued", "started"),
    ];
    let records = (0..)
        .zip([one].into_iter().chain(others))
        .map(|(offset, value)| record(0, offset, 5, &value));
    world.deliver(event(records)).await?;
    assert_eq!(world.count("SELECT count(*) FROM cdevents WHERE problems IS NULL").await?, 4);
    Ok(())
}

/// When a row changes its day, the old day is also marked as changed.
#[tokio::test]
async fn both_days_are_changed_days() -> anyhow::Result<()> {
    let world = World::new().await?;
    world
        .deliver(event([record(
            0,
            0,
            5,
            &cdevent("1", "build.queued", "a", "2026-01-05T00:00:00Z", &json!({})),
        )]))
        .await?;
    world.sql.batch_execute("DELETE FROM day_changes").await?;
    world
        .deliver(event([record(
            1,
            0,
            4,
            &cdevent("1", "build.queued", "a", "2026-01-09T00:00:00Z", &json!({})),
        )]))
        .await?;
    let days = "SELECT DISTINCT day::text FROM day_changes WHERE model = 'cdevents' ORDER BY 1";
    assert_eq!(column(&world.sql, days).await?, ["2026-01-05", "2026-01-09"]);
    Ok(())
}

#[tokio::test]
async fn any_order_of_reuse_gives_the_same_rows_and_so_does_a_replay() -> anyhow::Result<()> {
    for seed in seeds(30)? {
        let mut dice = Dice::new(seed);
        // A time in a month with a table, in another one, and in none.
        let months = ["2026-01-01", "2026-02-01", "2300-01-01"];
        let mut records: Vec<_> = (0..3)
            .flat_map(|partition| (0..4).map(move |offset| (partition, offset)))
            .map(|(partition, offset)| {
                let (id, subject, day) = (dice.within(0..3), dice.within(0..2), *dice.one_of(&months));
                let content = json!({"environment": {"id": format!("e{}", dice.within(0..2))}, "artifactId": format!("pkg:oci/a@{}", dice.within(0..2))});
                let value = cdevent(&id.to_string(), "service.deployed", &format!("s{subject}"), &format!("{day}T00:00:00Z"), &content);
                record(partition, offset, *dice.one_of(&[5, 5, 6]), &value)
            })
            .collect();
        let made = "SELECT make_series_month('cdevents', '2026-01-01Z'), make_series_month('cdevents', '2026-02-01Z')";
        let clean = World::new().await?;
        clean.sql.batch_execute(made).await?;
        clean.deliver(event(records.clone())).await?;
        dice.shuffle(&mut records);
        let world = World::new().await?;
        world.sql.batch_execute(made).await?;
        for record in records {
            world.deliver(event([record])).await?;
        }
        let tables = [
            "cdevents",
            "cdevents_identities",
            "cdevents_subjects",
            "cdevents_edges",
            "cdevents_deployments",
            "cdevents_placements",
        ];
        let before = {
            let mut all = Vec::new();
            for table in tables {
                let (rows, wanted) = (
                    tables::timeless(&world.sql, table).await?,
                    tables::timeless(&clean.sql, table).await?,
                );
                assert_eq!(rows, wanted, "{table}\n{}", again(seed));
                all.push(tables::rows(&world.sql, table).await?);
            }
            all
        };
        replay::model(&world.writer, "cdevents", &Selection::default(), &|_, _| ()).await?;
        for (table, before) in tables.into_iter().zip(before) {
            assert_eq!(tables::rows(&world.sql, table).await?, before, "{table}\n{}", again(seed));
        }
    }
    Ok(())
}
