//! The example queries, each on a month of the sample company. Their expected rows are in
//! `expected/`.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use weir_model::{Micros, cdevents};
use weir_tests::{World, batches::event, tables::column};

use super::record;

/// The end of the month. The queries use `now()`.
const NOW: (&str, Micros) = ("timestamptz '2026-01-31T12:00:00Z'", Micros(1_769_860_800_000_000));

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

async fn month() -> anyhow::Result<World> {
    let world = World::new().await?;
    let samples = cdevents::month(cdevents::SEED, NOW.1);
    let records = (0..)
        .zip(&samples)
        .map(|(offset, sample)| record(0, offset, sample.timestamp_ms, &sample.value));
    world.deliver(event(records)).await?;
    Ok(world)
}

#[tokio::test]
async fn each_gives_the_rows_that_are_expected() -> anyhow::Result<()> {
    let world = month().await?;
    world.sql.batch_execute("SET timezone = 'UTC'; SET ROLE weir_reader").await?;
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(folder("../shared/model/src/cdevents/queries"))? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        let query = std::fs::read_to_string(&path)?.replace("now()", NOW.0);
        let rows =
            column(&world.sql, &format!("SELECT to_json(t)::text FROM (\n{query}) AS t")).await?;
        ensure!(!rows.is_empty(), "{name} gives nothing");
        let rows = rows.join("\n") + "\n";
        let expected = folder("stories/cdevents/expected").join(&name).with_extension("ndjson");
        if std::fs::read_to_string(expected).unwrap_or_default() != rows {
            wrong.push(format!("== {name}.ndjson\n{rows}"));
        }
        count += 1;
    }
    ensure!(wrong.is_empty(), "these are the rows:\n{}", wrong.join(""));
    ensure!(count == 10, "there are {count} worked queries");
    Ok(())
}
