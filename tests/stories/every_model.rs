//! Checks that apply to every built-in model, with the model's own samples. A new model needs no
//! line here.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use weir_model::{Micros, Model, models};
use weir_store::replay::{self, Selection};
use weir_testkit::Record;
use weir_tests::{
    World, audit,
    batches::event,
    dice::{Dice, again, seeds},
    tables,
    traffic::{Lane, Traffic, place},
};

/// 2026-01-31T12:00:00Z
const NOW: Micros = Micros(1_769_860_800_000_000);
const PARTITIONS: usize = 3;

/// Returns the models with a projection, and the topic of each.
pub(crate) fn all() -> Vec<(Arc<dyn Model>, &'static str)> {
    let all: Vec<_> = models::builtin()
        .iter()
        .filter_map(|model| Some((model.clone(), model.default_topic()?)))
        .collect();
    assert!(all.len() >= 3 && all.iter().all(|(model, _)| !model.tables().is_empty()));
    all
}

/// Distributes a model's samples over several partitions.
pub(crate) fn traffic(model: &dyn Model, topic: &str) -> Traffic {
    let mut lanes = vec![Lane::default(); PARTITIONS];
    for (n, sample) in model.samples(NOW).into_iter().enumerate() {
        let lane = &mut lanes[n % PARTITIONS].records;
        lane.push(Record {
            topic: topic.into(),
            partition: i32::try_from(n % PARTITIONS).unwrap_or_default(),
            offset: i64::try_from(lane.len()).unwrap_or_default(),
            timestamp: sample.timestamp_ms,
            key: sample.key.map_or(weir_testkit::Field::Null, |key| key.as_str().into()),
            value: sample.value.as_str().into(),
            ..Record::default()
        });
    }
    Traffic { lanes }
}

/// Returns the rows of all tables of a model.
async fn projection(
    world: &World,
    model: &dyn Model,
) -> anyhow::Result<BTreeMap<&'static str, Vec<String>>> {
    let mut all = BTreeMap::new();
    for table in model.tables() {
        all.insert(*table, tables::rows(&world.sql, table).await?);
    }
    Ok(all)
}

#[tokio::test]
async fn its_samples_are_events_and_fill_every_table() -> anyhow::Result<()> {
    for (model, topic) in all() {
        let world = World::new().await?;
        let traffic = traffic(&*model, topic);
        let report = world.deliver(traffic.whole()).await?;
        assert_eq!((report.event_failed, report.event_skipped), (0, 0), "{topic}");
        for (table, rows) in projection(&world, &*model).await? {
            assert!(!rows.is_empty(), "{table} is empty");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_order_of_arrival_never_changes_it() -> anyhow::Result<()> {
    for (model, topic) in all() {
        let clean = World::new().await?;
        let traffic = traffic(&*model, topic);
        clean.deliver(traffic.whole()).await?;
        for seed in seeds(3)? {
            let mut dice = Dice::new(seed);
            let world = World::new().await?;
            for batch in traffic.any_schedule(&mut dice) {
                world.deliver(event(batch)).await?;
            }
            for table in model.tables() {
                let (rows, wanted) = (
                    tables::timeless(&world.sql, table).await?,
                    tables::timeless(&clean.sql, table).await?,
                );
                audit::same(table, &rows, &wanted).with_context(|| again(seed))?;
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_replay_gives_the_same_rows_whatever_was_done_to_them() -> anyhow::Result<()> {
    for (model, topic) in all() {
        let world = World::new().await?;
        world.deliver(traffic(&*model, topic).whole()).await?;
        let before = projection(&world, &*model).await?;
        for table in model.tables() {
            for damage in [
                format!("DELETE FROM {table}"),
                format!("DELETE FROM {table} WHERE ctid::text LIKE '%1)'"),
                "SELECT 1".into(),
            ] {
                world.sql.batch_execute(&damage).await?;
                let done =
                    replay::model(&world.writer, model.name(), &Selection::default(), &|_, _| ())
                        .await?;
                ensure!(done.rebuilt && done.refused == 0, "{damage}: {done:?}");
                for (table, rows) in projection(&world, &*model).await? {
                    audit::same(table, &rows, &before[table]).with_context(|| damage.clone())?;
                }
            }
        }
        // The projection is updated twice, without being emptied first.
        let some = Selection { topic: Some(topic.to_owned()), from: None };
        ensure!(!replay::model(&world.writer, model.name(), &some, &|_, _| ()).await?.rebuilt);
        ensure!(
            projection(&world, &*model).await? == before,
            "{topic}: a second time changes something"
        );
    }
    Ok(())
}

/// Returns variants of a valid value: each member with each odd value; and values that are not
/// JSON.
fn poison(good: &Value) -> Vec<String> {
    let odd = [
        json!(null),
        json!(7),
        json!(-1.5e300),
        json!("x"),
        json!(""),
        json!([]),
        json!({}),
        json!([[{}]]),
        json!(true),
        json!("\u{1}\u{10ffff}"),
        json!("y".repeat(3_000)),
    ];
    let mut all: Vec<String> =
        ["", "{", "[]", "null", "\"\"", "{}", "1e400", r#"{"a":"\u0000"}"#, r#"{"\ud800":1}"#]
            .map(str::to_owned)
            .to_vec();
    for pointer in pointers(good, "", 0) {
        for odd in &odd {
            let mut bad = good.clone();
            if let Some(member) = bad.pointer_mut(&pointer) {
                *member = odd.clone();
            }
            all.push(bad.to_string());
        }
        let mut without = good.clone();
        if let Some((parent, name)) = pointer.rsplit_once('/')
            && let Some(Value::Object(members)) = without.pointer_mut(parent)
        {
            members.remove(name);
            all.push(without.to_string());
        }
        // Values that jsonb refuses, wherever they are.
        let mark = json!("MARK");
        let mut raw = good.clone();
        if let Some(member) = raw.pointer_mut(&pointer) {
            *member = mark;
        }
        all.extend(
            [r#""\u0000""#, r#""\udc00""#, "1e200000"]
                .map(|odd| raw.to_string().replace("\"MARK\"", odd)),
        );
    }
    all
}

fn pointers(value: &Value, at: &str, depth: usize) -> Vec<String> {
    let Value::Object(members) = value else { return Vec::new() };
    let below = |(name, member): (&String, &Value)| {
        let here = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        let deeper = if depth < 3 { pointers(member, &here, depth + 1) } else { Vec::new() };
        [vec![here], deeper].concat()
    };
    members.iter().flat_map(below).collect()
}

#[tokio::test]
async fn poison_costs_no_neighbour_and_is_kept() -> anyhow::Result<()> {
    const PARTITION: i32 = 7;
    for (model, topic) in all() {
        let world = World::new().await?;
        let samples = model.samples(NOW);
        // One sample of each shape: the first, the last, and two between them.
        let shapes = [0, samples.len() / 3, samples.len() / 2, samples.len() - 1];
        let mut bad = Vec::new();
        for shape in shapes {
            bad.extend(poison(&serde_json::from_str(&samples[shape].value)?));
        }
        let at = |offset: usize, value: &str| Record {
            topic: topic.into(),
            partition: PARTITION,
            offset: i64::try_from(offset).unwrap_or_default(),
            value: value.into(),
            ..Record::default()
        };
        let neighbours = samples.iter().take(bad.len() + 1).map(|sample| sample.value.as_str());
        let mixed: Vec<Record> = bad
            .iter()
            .map(String::as_str)
            .chain(neighbours)
            .enumerate()
            .map(|(n, value)| at(n, value))
            .collect();
        let good = traffic(&*model, topic);
        for part in mixed.chunks(400) {
            let report = world
                .deliver(event(part.iter().cloned()))
                .await
                .with_context(|| format!("{topic}: poison blocks its partition"))?;
            ensure!(
                report.event_acknowledged + report.event_skipped + report.event_failed
                    == part.len(),
                "{report:?}"
            );
        }
        world.deliver(good.whole()).await?;
        let wanted = mixed.iter().chain(good.records()).map(place).collect();
        audit::exactly_once(&audit::places(&world.sql, "weir").await?, &wanted)?;
        let failures = format!("SELECT count(*) FROM failures WHERE \"offset\" >= {}", bad.len());
        ensure!(world.count(&failures).await? == 0, "{topic}: a neighbour failed");
        ensure!(
            world.count("SELECT count(*) FROM failures WHERE error_class LIKE 'database%'").await?
                == 0,
            "{topic}: the database had to refuse"
        );
        world
            .count("SELECT count(payload::jsonb) FROM events")
            .await
            .context("jsonb refuses a payload")?;
    }
    Ok(())
}
