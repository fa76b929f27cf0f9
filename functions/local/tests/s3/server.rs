//! The S3 server, a database with several days of data, and commands of `weir` that use both.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use tokio_postgres::Client;
use weir_blob::Manifest;
use weir_model::models;
use weir_store::{DatabaseConfig, Store, migrate};
use weir_testkit::Database;

use crate::common::{self, Ended, ended};

pub(crate) const BUCKET: &str = "dumps";
/// The prefix of the dumps in the bucket, and that of their manifests.
pub(crate) const PREFIX: &str = "some/prefix/";
const MANIFESTS: &str = "some/prefix/_manifests/";
pub(crate) const ACCESS_KEY: &str = "weirtestkey";
pub(crate) const SECRET_KEY: &str = "weirtestsecret";

/// The server. It ends on drop.
pub(crate) struct S3 {
    pub url: String,
    pub folder: tempfile::TempDir,
    child: Child,
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl S3 {
    pub(crate) fn start() -> Result<Self> {
        let program = common::setting("WEIR_TEST_S3_SERVER").context(
            "no S3 server: run these tests by `bash tests/external/s3/run`, which builds one",
        )?;
        let folder = tempfile::tempdir()?;
        let mut child = Command::new(program)
            .arg(folder.path())
            .args([BUCKET, ACCESS_KEY, SECRET_KEY])
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()?;
        let mut url = String::new();
        BufReader::new(child.stdout.take().context("its stdout")?).read_line(&mut url)?;
        ensure!(url.starts_with("http://"), "the S3 server did not start");
        Ok(Self { url: url.trim().to_owned(), folder, child })
    }

    /// Returns the bucket's files by name.
    pub(crate) fn objects(&self) -> Result<BTreeMap<String, PathBuf>> {
        let root = self.folder.path().join(BUCKET);
        let (mut all, mut folders) = (BTreeMap::new(), vec![root.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    all.insert(path.strip_prefix(&root)?.display().to_string(), path);
                }
            }
        }
        Ok(all)
    }

    /// Returns the left-over parts of multipart uploads.
    pub(crate) fn left_parts(&self) -> Result<Vec<String>> {
        let names = std::fs::read_dir(self.folder.path())?
            .map(|e| Ok(e?.file_name().to_string_lossy().into_owned()));
        let mut left = names.collect::<Result<Vec<_>>>()?;
        left.retain(|name| name.starts_with(".upload"));
        Ok(left)
    }

    /// Returns the manifests by model and day. Checks that each file exists and matches its
    /// manifest.
    pub(crate) fn manifests(&self) -> Result<BTreeMap<String, Manifest>> {
        let objects = self.objects()?;
        let mut all = BTreeMap::new();
        for (name, path) in objects.iter().filter(|(name, _)| name.starts_with(MANIFESTS)) {
            let manifest = Manifest::parse(&std::fs::read(path)?)
                .map_err(anyhow::Error::msg)
                .with_context(|| name.clone())?;
            for file in &manifest.files {
                let object = format!("{PREFIX}{}", manifest.path(file));
                let path = objects.get(&object).with_context(|| format!("no object {object}"))?;
                ensure!(sha256(path)? == file.sha256, "{object} is not what its manifest says");
            }
            all.insert(format!("{} {}", manifest.model, manifest.day), manifest);
        }
        Ok(all)
    }
}

pub(crate) fn sha256(path: &PathBuf) -> Result<String> {
    let output = Command::new("sha256sum").arg(path).output()?;
    Ok(String::from_utf8(output.stdout)?.split(' ').next().unwrap_or_default().to_owned())
}

/// Returns the command of `weir` with the credentials for this server.
pub(crate) fn command(endpoint: &str, database: &Database, args: &[&str]) -> Command {
    let url = database.url();
    let place = format!("s3://{BUCKET}/{PREFIX}");
    let mut command = common::command(
        env!("CARGO_BIN_EXE_weir"),
        &[&["--database-url", &url, "--blob-url", &place], args].concat(),
    );
    command
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env("AWS_REGION", "us-east-1");
    command.env("AWS_ENDPOINT_URL", endpoint).env("AWS_ALLOW_HTTP", "true");
    command
}

pub(crate) async fn weir(endpoint: &str, database: &Database, args: &[&str]) -> Result<Ended> {
    ended(command(endpoint, database, args)).await
}

/// Creates a migrated database.
pub(crate) async fn migrated() -> Result<(Database, Client)> {
    let database = Database::create("s3", async |url: String| {
        migrate::run(&Store::new(&DatabaseConfig::from_url(url))?, &models::builtin(), &Vec::new())
            .await?;
        Ok(())
    })
    .await?;
    let sql = database.client().await?;
    Ok((database, sql))
}

/// Creates a database with forty days of readings, a few hundred each, and one day of the log that
/// is long enough for several parts.
pub(crate) async fn filled() -> Result<(Database, Client)> {
    let (database, sql) = migrated().await?;
    sql.batch_execute(
        "INSERT INTO streams (topic, group_id, epoch) VALUES ('readings', 'weir', 0), ('orders', 'weir', 0);
         INSERT INTO readings SELECT 'speed', timestamptz '2026-01-01' + n * interval '3 minutes', random(), 0, 1, 0, n FROM generate_series(0, 40 * 480 - 1) AS n;
         INSERT INTO day_changes SELECT 'readings', date '2026-01-01' + n FROM generate_series(0, 39) AS n;
         SELECT make_event_month('2026-01-01');
         INSERT INTO event_records (stream, partition, \"offset\", arrived_at, timestamp_ms, checksum, payload)
         SELECT 2, 0, n, timestamptz '2026-01-01' + n * interval '1 minute', 0, '\\x00',
             to_json((SELECT string_agg(md5(random()::text || m), '') FROM generate_series(1, 2000) AS m WHERE n >= 0))
         FROM generate_series(0, 399) AS n;
         INSERT INTO day_changes VALUES ('events', '2026-01-01')",
    )
    .await?;
    Ok((database, sql))
}
