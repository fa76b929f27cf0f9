//! Dumps in the layout of the first version are read. A day that is dumped again ends in the
//! present layout.

use anyhow::{Context, ensure};
use weir_blob::{Format, Layout};
use weir_dump::{Found, Which};
use weir_tests::{
    World,
    dumps::{Dumps, FORMATS, day},
};

/// The days of `tests/first-dump-layout`, with the numbers of their rows.
const DAYS: [(&str, &str, u64); 3] =
    [("events", "2024-05-04", 13), ("readings", "2026-01-01", 8), ("builds", "2026-01-01", 2)];

/// A database with the rows of these days, which are dumped in the layout of the first version.
async fn restored(formats: &[Format]) -> anyhow::Result<(World, Dumps)> {
    let world = World::new().await?;
    let dumps = Dumps::of(world.store()?, formats)?;
    dumps.copy_first_layout()?;
    for (model, day, rows) in DAYS {
        assert_eq!(dumps.restored(model, day).await?, rows, "{model}");
    }
    Ok((world, dumps))
}

/// Returns the days of `weir dump status`, each once for each line.
async fn days(dumps: &Dumps) -> anyhow::Result<Vec<String>> {
    let states = weir_dump::status(&dumps.dumper, day("0001-01-01")?, day("9999-12-31")?).await?;
    Ok(states.iter().map(|s| format!("{} {}", s.model, s.day)).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_are_restored_verified_and_listed() -> anyhow::Result<()> {
    let (_world, dumps) = restored(&FORMATS).await?;
    let all = ["builds 2026-01-01", "readings 2026-01-01", "events 2024-05-04"];
    assert_eq!(days(&dumps).await?, all);
    for (model, day, rows) in DAYS {
        let manifest = dumps.manifest(model, day).await?;
        assert_eq!((manifest.version, manifest.layout(), manifest.rows), (1, Layout::Days, rows));
        let equal = if model == "builds" { Found::StateOfThen } else { Found::Equal };
        assert_eq!(dumps.verified(model, day).await?, equal, "{model}");
    }
    // A day that is dumped again is there once, with the same rows.
    dumps.one("readings", "2026-01-01").await?;
    assert_eq!(days(&dumps).await?, all);
    assert_eq!(dumps.manifest("readings", "2026-01-01").await?.rows, 8);
    // Both days are restored from a folder with both layouts.
    let other = World::new().await?;
    let mut there = Dumps::of(other.store()?, &FORMATS)?;
    there.dumper.blobs = dumps.dumper.blobs.clone();
    for (model, day, rows) in DAYS {
        assert_eq!(there.restored(model, day).await?, rows, "{model}");
    }
    Ok(())
}

/// Returns the files of the model that a dump of the day writes, sorted.
fn wanted(model: &str, day: &str) -> Vec<String> {
    let mut files = vec![format!("_manifests/{model}/dt={day}.json")];
    let topics: &[&str] = match model {
        "events" => &["/topic=build_events", "/topic=orders", "/topic=readings"],
        _ => &[""],
    };
    for topic in topics {
        for format in ["json/dt", "parquet/dt"] {
            let extension = if format == "json/dt" { "json.gz" } else { "parquet" };
            files.push(format!("{model}/{format}={day}{topic}/part-00000.{extension}"));
        }
    }
    files.sort();
    files
}

/// Returns the files of a day of a model.
fn files_of(dumps: &Dumps, model: &str, day: &str) -> anyhow::Result<Vec<String>> {
    let mut files = dumps.files()?;
    files.retain(|file| {
        file.trim_start_matches("_manifests/").starts_with(model) && file.contains(day)
    });
    Ok(files)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_that_is_dumped_again_leaves_nothing_of_the_first_layout() -> anyhow::Result<()> {
    let (_world, dumps) = restored(&[Format::Json, Format::Parquet]).await?;
    // The present state is not written over that of an earlier day.
    dumps.one("builds", "2026-01-01").await?;
    assert_eq!(dumps.manifest("builds", "2026-01-01").await?.version, 1);
    dumps.one("events", "2024-05-04").await?;
    dumps.run(Which::Day(day("2026-01-01")?), "2026-01-02").await?;
    for (model, day, rows) in DAYS {
        assert_eq!(files_of(&dumps, model, day)?, wanted(model, day));
        ensure!(!dumps.folder.path().join(model).join(format!("dt={day}")).exists(), "{model}");
        let manifest = dumps.manifest(model, day).await?;
        assert_eq!((manifest.version, manifest.rows), (2, rows));
        assert_eq!(dumps.standing(model, day).await?, "dumped");
        if model != "builds" {
            assert_eq!(dumps.verified(model, day).await?, Found::Equal);
        }
    }
    Ok(())
}

/// A process is killed at any moment while it changes the layout of a day. Either the old day or
/// the new day is whole, or the day is not dumped. The next run dumps it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_leaves_a_whole_day_or_none() -> anyhow::Result<()> {
    const KILLS: u32 = 40;
    let (_world, dumps) = restored(&[Format::Json, Format::Parquet]).await?;
    let text = "2024-05-04";
    let begun = std::time::Instant::now();
    dumps.one("events", text).await?;
    let step = begun.elapsed() / KILLS;
    let mut seen = [0; 3];
    for n in 0..KILLS {
        for file in files_of(&dumps, "events", text)? {
            std::fs::remove_file(dumps.folder.path().join(file))?;
        }
        dumps.copy_first_layout()?;
        let dumper = dumps.dumper.clone();
        let job = tokio::spawn(async move {
            let (day, today) = (day(text)?, day("2300-01-01")?);
            let now = weir_tests::time_travel::instant("2026-11-21T06:00:00Z")?;
            let mut dumper = dumper;
            dumper.names = vec!["events".to_owned()];
            dumper.run(Which::Day(day), today, now, weir_tests::dumps::far(), &|_| {}).await?;
            anyhow::Ok(())
        });
        tokio::time::sleep(step * n).await;
        job.abort();
        // The error is the wanted cancellation.
        let _ = job.await;
        let found = dumps.dumper.blobs.manifest("events", day(text)?).await?;
        match &found {
            Some(manifest) => {
                seen[usize::from(manifest.layout() == Layout::Tables)] += 1;
                let whole = dumps.verified("events", text).await;
                whole.with_context(|| format!("kill {n} in {:?}", dumps.files()))?;
            }
            None => seen[2] += 1,
        }
        assert_eq!(days(&dumps).await?.iter().filter(|day| day.starts_with("events")).count(), 1);
        dumps.one("events", text).await?;
        assert_eq!(files_of(&dumps, "events", text)?, wanted("events", text), "kill {n}");
        assert_eq!(dumps.verified("events", text).await?, Found::Equal, "kill {n}");
    }
    println!("{} old, {} new, {} without a manifest", seen[0], seen[1], seen[2]);
    ensure!(seen[0] > 0 && seen[2] > 0, "{seen:?}");
    Ok(())
}
