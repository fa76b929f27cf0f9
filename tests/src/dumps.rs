//! Dumps into a folder of one test.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use anyhow::Context;
use tempfile::TempDir;
use tokio::{sync::mpsc, task::JoinHandle, time::Instant};
use weir_blob::{BlobConfig, BlobUrl, Format, Manifest, UtcDay};
use weir_dump::{DumpConfig, DumpError, Dumper, Found, Outcome, Progress, Which, restore, verify};
use weir_model::{Micros, models};
use weir_store::Store;

use crate::time_travel::instant;

/// A folder, and a dumper that writes to it.
pub struct Dumps {
    /// The folder. It is removed on drop.
    pub folder: TempDir,
    /// The dumper for the folder.
    pub dumper: Dumper,
}

/// All formats.
pub const FORMATS: [Format; 3] = [Format::Json, Format::Csv, Format::Parquet];

/// Parses a day.
pub fn day(text: &str) -> anyhow::Result<UtcDay> {
    text.parse().map_err(anyhow::Error::msg)
}

/// Returns the settings for dumps to this location.
pub fn config(url: BlobUrl, formats: &[Format]) -> DumpConfig {
    DumpConfig {
        blob: BlobConfig { blob_url: Some(url) },
        models: Vec::new(),
        formats: formats.to_vec(),
    }
}

impl Dumps {
    /// Creates a dumper of the built-in models, in these formats.
    pub fn of(store: Store, formats: &[Format]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let url = BlobUrl::File(folder.path().to_owned());
        let dumper = Dumper::new(store, &models::builtin(), &config(url, formats))?;
        Ok(Self { folder, dumper })
    }

    /// Runs the dumper in the morning of `today`. A failed dump is an error. Returns a line for
    /// each dump.
    pub async fn run(&self, which: Which, today: &str) -> anyhow::Result<Vec<String>> {
        let outcome = self.try_run(which, today).await?;
        if let Some((model, day, error)) = outcome.failed.into_iter().next() {
            return Err(anyhow::Error::from(error).context(format!("{model} {day}")));
        }
        Ok(outcome.done.into_iter().map(|d| format!("{} {} {}", d.model, d.day, d.rows)).collect())
    }

    /// Runs the dumper in the morning of `today`.
    pub async fn try_run(&self, which: Which, today: &str) -> Result<Outcome, DumpError> {
        let today = day(today).map_err(|e| DumpError::Refused(e.to_string()))?;
        self.dumper
            .run(which, today, Micros(today.begin_micros() + 21_600_000_000), far(), &|_| {})
            .await
    }

    /// Dumps a day of one model.
    pub async fn one(&self, model: &str, text: &str) -> anyhow::Result<()> {
        one(&self.dumper, model, text, &|_| {}).await
    }

    /// Starts the dump of a day of one model, and stops it when it has read rows: after its
    /// snapshot and before its manifest.
    pub async fn held(&self, model: &str, text: &str) -> anyhow::Result<Held> {
        let (model, text) = (model.to_owned(), text.to_owned());
        let (dumper, (tell, mut told), (go, wait)) =
            (self.dumper.clone(), mpsc::unbounded_channel(), std::sync::mpsc::channel::<()>());
        let wait = Mutex::new(wait);
        let run = async move {
            let stand_still = |progress: Progress<'_>| {
                if let Progress::Rows(_) = progress {
                    // The test may have ended.
                    let _ = tell.send(());
                    let _ = tokio::task::block_in_place(|| {
                        wait.lock().unwrap_or_else(PoisonError::into_inner).recv()
                    });
                }
            };
            one(&dumper, &model, &text, &stand_still).await
        };
        let ended = tokio::spawn(run);
        told.recv().await.context("the dump ended before it read anything")?;
        Ok(Held { go, ended })
    }

    /// Returns a day's manifest.
    pub async fn manifest(&self, model: &str, text: &str) -> anyhow::Result<Manifest> {
        self.dumper.blobs.manifest(model, day(text)?).await?.context("a manifest")
    }

    /// Returns the result of `weir dump verify`.
    pub async fn verified(&self, model: &str, text: &str) -> anyhow::Result<Found> {
        let Dumper { store, models, blobs, .. } = &self.dumper;
        Ok(verify(
            store,
            models,
            blobs,
            model,
            day(text)?,
            instant("2026-02-01T00:00:00Z")?,
            &|_, _| {},
        )
        .await?
        .1)
    }

    /// Returns the state of a day, or `none` if the day is unknown.
    pub async fn standing(&self, model: &str, text: &str) -> anyhow::Result<&'static str> {
        let all = weir_dump::status(&self.dumper, day(text)?, day(text)?).await?;
        Ok(all.iter().find(|s| s.model == model).map_or("none", |s| s.standing.as_str()))
    }

    /// Copies the dumps of the first version, `tests/first-dump-layout`, into the folder.
    pub fn copy_first_layout(&self) -> anyhow::Result<()> {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("first-dump-layout");
        for name in files_below(&from)? {
            let to = self.folder.path().join(&name);
            std::fs::create_dir_all(to.parent().context("a folder")?)?;
            std::fs::copy(from.join(&name), to)?;
        }
        Ok(())
    }

    /// Loads a day from the folder into the database, and returns the number of its rows.
    pub async fn restored(&self, model: &str, text: &str) -> anyhow::Result<u64> {
        let Dumper { store, models, blobs, .. } = &self.dumper;
        Ok(restore(store, models, blobs, model, day(text)?, &|_, _| {}).await?)
    }

    /// Returns every file below the folder, sorted.
    pub fn files(&self) -> anyhow::Result<Vec<String>> {
        files_below(self.folder.path())
    }
}

fn files_below(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut all = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                all.push(path.strip_prefix(root)?.display().to_string());
            }
        }
    }
    all.sort();
    Ok(all)
}

/// A dump that is stopped.
pub struct Held {
    go: std::sync::mpsc::Sender<()>,
    ended: JoinHandle<anyhow::Result<()>>,
}

impl Held {
    /// Continues the dump, and returns its result.
    pub async fn go_on(self) -> anyhow::Result<()> {
        drop(self.go);
        self.ended.await?
    }

    /// Aborts the dump where it is stopped, as a kill does.
    pub async fn kill(self) {
        self.ended.abort();
        drop(self.go);
        // The error is the wanted cancellation.
        let _ = self.ended.await;
    }
}

async fn one(
    dumper: &Dumper,
    model: &str,
    text: &str,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> anyhow::Result<()> {
    let mut dumper = dumper.clone();
    dumper.names = vec![model.to_owned()];
    let outcome = dumper
        .run(
            Which::Day(day(text)?),
            day("2300-01-01")?,
            instant("2026-11-21T06:00:00Z")?,
            far(),
            progress,
        )
        .await?;
    match outcome.failed.into_iter().next() {
        Some((.., error)) => Err(error.into()),
        None => Ok(()),
    }
}

/// Returns a deadline that no test reaches.
pub fn far() -> Instant {
    Instant::now() + std::time::Duration::from_hours(1)
}
