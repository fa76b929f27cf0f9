//! A streaming replica that lags: lists come from it, and everything that decides something does
//! not. A dump from it never calls a day whole that lacks rows.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use serde_json::Value;
use tokio_postgres::Client;
use tower::ServiceExt;
use weir_api::{ApiState, DatabaseHealth};
use weir_blob::Format;
use weir_dump::{Found, Which};
use weir_http::{Access, HttpLimits, ReadConnection};
use weir_plugin::Plugins;
use weir_store::{DatabaseConfig, Store, Writer};
use weir_testkit::{Crashable, PATIENCE, eventually};
use weir_tests::{
    batches::{event, orders, readings},
    deliver,
    dumps::Dumps,
    migrate_all, writer_on,
};

const DAY: &str = "2026-01-01";
const NAME: &str = "weir";

/// A server with a replica.
struct Cluster {
    writer: Writer,
    sql: Client,
    /// A connection to the replica.
    behind: Client,
    replica: Store,
    _servers: (Crashable, Crashable),
}

impl Cluster {
    async fn new() -> Result<Self> {
        let mut server = Crashable::start(false).await?;
        server.create_database(NAME).await?;
        migrate_all(&server.url(NAME)).await?;
        let replica = server.replica().await?;
        let cluster = Self {
            writer: writer_on(&server.url(NAME))?,
            sql: server.client(NAME).await?,
            behind: replica.client(NAME).await?,
            replica: Store::new(&DatabaseConfig::from_url(replica.url(NAME)))?,
            _servers: (server, replica),
        };
        cluster.caught_up().await?;
        Ok(cluster)
    }

    /// Waits until the replica has everything.
    async fn caught_up(&self) -> Result<()> {
        let end: String =
            self.sql.query_one("SELECT pg_current_wal_flush_lsn()::text", &[]).await?.get(0);
        let there = "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn";
        let there = async || {
            let row = self.behind.query_one(there, &[&end]).await.ok()?;
            row.get::<_, bool>(0).then_some(())
        };
        eventually(PATIENCE, there).await
    }

    /// Stops the replay of the replica, or lets it go on.
    async fn pause(&self, pauses: bool) -> Result<()> {
        let state = if pauses { "pg_wal_replay_pause()" } else { "pg_wal_replay_resume()" };
        self.behind.batch_execute(&format!("SELECT {state}")).await?;
        let is_paused = "SELECT pg_get_wal_replay_pause_state() = 'paused'";
        let is_done = async || {
            let row = self.behind.query_one(is_paused, &[]).await.ok()?;
            (row.get::<_, bool>(0) == pauses).then_some(())
        };
        eventually(PATIENCE, is_done).await
    }

    fn dumps(&self) -> Result<Dumps> {
        let mut dumps = Dumps::of(self.writer.store().clone(), &[Format::Json])?;
        dumps.dumper = dumps.dumper.with_reader(Some(self.replica.clone()));
        Ok(dumps)
    }

    fn api(&self) -> Result<Router> {
        let reader = ReadConnection::new(self.writer.store().clone());
        let health = Arc::new(DatabaseHealth(reader.clone()));
        let limits = HttpLimits::default();
        let state = ApiState::new(self.writer.clone(), reader, Access::Open, limits, health, "1")
            .with_replica(Some(&self.replica));
        weir_api::router(state, &Plugins::default()).map_err(anyhow::Error::msg)
    }
}

async fn ask(api: &Router, method: &str, path: &str) -> Result<(StatusCode, Value)> {
    let request = Request::builder().method(method).uri(path).body(Body::empty())?;
    let answer = api.clone().oneshot(request).await?;
    let status = answer.status();
    let body = to_bytes(answer.into_body(), usize::MAX).await?;
    Ok((status, serde_json::from_slice(&body).with_context(|| path.to_owned())?))
}

async fn length(api: &Router, path: &str) -> Result<usize> {
    let (status, body) = ask(api, "GET", path).await?;
    anyhow::ensure!(status == StatusCode::OK, "{path}: {status} {body}");
    Ok(body.as_array().context("a list")?.len())
}

#[tokio::test]
async fn lists_may_lag_and_everything_else_is_of_now() -> Result<()> {
    let cluster = Cluster::new().await?;
    let api = cluster.api()?;
    deliver(&cluster.writer, event(readings(0..3))).await?;
    cluster.caught_up().await?;
    cluster.pause(true).await?;
    deliver(&cluster.writer, event(readings(3..10))).await?;
    let mut bad = orders([0]);
    bad[0].value = "no JSON".into();
    deliver(&cluster.writer, event(bad)).await?;

    for list in ["/v1/readings", "/v1/events?topic=readings"] {
        assert_eq!(length(&api, list).await?, 3, "{list}");
    }
    // Failures, single events and the health are those of the database.
    assert_eq!(length(&api, "/v1/failures").await?, 1);
    assert_eq!(ask(&api, "GET", "/v1/events/readings-0-9").await?.0, StatusCode::OK);
    let (status, health) = ask(&api, "GET", "/healthz").await?;
    assert_eq!((status, &health["status"]), (StatusCode::OK, &"ok".into()), "{health}");
    let (status, retried) = ask(&api, "POST", "/v1/failures/retry").await?;
    assert_eq!((status, &retried["failed"]), (StatusCode::OK, &1.into()), "{retried}");

    cluster.pause(false).await?;
    cluster.caught_up().await?;
    assert_eq!(length(&api, "/v1/readings").await?, 10);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_waits_until_the_replica_has_every_row() -> Result<()> {
    let cluster = Cluster::new().await?;
    let dumps = cluster.dumps()?;
    deliver(&cluster.writer, event(readings(0..3))).await?;
    cluster.caught_up().await?;
    cluster.pause(true).await?;
    deliver(&cluster.writer, event(readings(3..10))).await?;
    let run = dumps.one("readings", DAY);
    let resume = async {
        // The dump has begun, and the replica cannot see it.
        let begun = async || {
            let rows = cluster.sql.query("SELECT FROM dumps", &[]).await.ok()?;
            (!rows.is_empty()).then_some(())
        };
        eventually(PATIENCE, begun).await?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        let standing = dumps.standing("readings", DAY).await?;
        anyhow::ensure!(standing != "dumped", "it waits: {standing}");
        cluster.pause(false).await
    };
    tokio::try_join!(run, resume)?;
    assert_eq!(dumps.manifest("readings", DAY).await?.rows, 10);
    assert_eq!(dumps.standing("readings", DAY).await?, "dumped");
    assert_eq!(dumps.verified("readings", DAY).await?, Found::Equal);
    Ok(())
}

/// A batch that is open while the dump begins may or may not be in the files. The day is stale
/// after its commit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_is_open_during_a_dump_from_the_replica() -> Result<()> {
    let cluster = Cluster::new().await?;
    let dumps = cluster.dumps()?;
    deliver(&cluster.writer, event(readings(0..10))).await?;
    cluster
        .sql
        .batch_execute(
            "BEGIN; INSERT INTO day_changes (model, day) VALUES ('readings', '2026-01-01');
             INSERT INTO readings VALUES ('late', '2026-01-01 12:00:00+00', 1, 0, 1, 0, 100)",
        )
        .await?;
    // A later transaction commits, so the open one is older than the newest of the snapshot.
    deliver(&cluster.writer, event(orders(0..3))).await?;
    dumps.one("readings", DAY).await?;
    assert_eq!(dumps.manifest("readings", DAY).await?.rows, 10);
    cluster.sql.batch_execute("COMMIT").await?;
    assert_eq!(dumps.standing("readings", DAY).await?, "stale");
    let done = dumps.run(Which::Daily, "2026-01-03").await?;
    assert!(done.contains(&format!("readings {DAY} 11")), "{done:?}");
    assert_eq!(dumps.standing("readings", DAY).await?, "dumped");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_away_is_not_needed_for_a_dump() -> Result<()> {
    let cluster = Cluster::new().await?;
    let mut dumps = cluster.dumps()?;
    let nowhere = DatabaseConfig {
        connect_timeout: 1,
        ..DatabaseConfig::from_url("postgresql://weir@127.0.0.1:9/weir")
    };
    dumps.dumper.reader = Some(Store::new(&nowhere)?);
    deliver(&cluster.writer, event(readings(0..10))).await?;
    dumps.one("readings", DAY).await?;
    assert_eq!(dumps.manifest("readings", DAY).await?.rows, 10);
    Ok(())
}
