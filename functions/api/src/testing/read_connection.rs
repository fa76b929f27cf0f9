//! Tests of the shared connection for reading, when the server closes it.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use futures_util::future::join_all;
use tokio_postgres::types::Type;
use weir_http::{ReadConnection, ReadError, SqlParam};
use weir_store::log;
use weir_testkit::{Crashable, PATIENCE, eventually};

use super::{ApiWorld, store_at};

const PID: &str = "-- pid\nSELECT pg_backend_pid(), pg_sleep(0.05)::text";

async fn pid(reader: &ReadConnection) -> i32 {
    reader.row(PID, &[]).await.expect("answers").expect("a row").get(0)
}

#[tokio::test]
async fn all_reads_share_one_connection() {
    let world = ApiWorld::new().await;
    let reader = ReadConnection::new(world.store());
    let pids: HashSet<i32> = join_all((0..20).map(|_| pid(&reader))).await.into_iter().collect();
    assert_eq!(pids.len(), 1);
}

#[tokio::test]
async fn a_connection_that_was_cut_is_replaced_unnoticed() {
    let world = ApiWorld::new().await;
    let reader = ReadConnection::new(world.store());
    let first = pid(&reader).await;
    let client = world.client().await;
    client.execute("SELECT pg_terminate_backend($1, 5000)", &[&first]).await.expect("ended");
    let second = pid(&reader).await;
    assert_ne!(first, second);
    // The server also closes it in the middle of a query.
    client.execute("SELECT pg_advisory_lock(1)", &[]).await.expect("locked");
    let third =
        reader.row("-- waits\nSELECT pg_backend_pid(), pg_advisory_xact_lock(1)::text", &[]);
    let cut = async {
        let waits = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let asked = async || client.query_opt(waits, &[]).await.ok()??.try_get::<_, i32>(0).ok();
        let pid = eventually(PATIENCE, asked).await.expect("it waits");
        client.execute("SELECT pg_terminate_backend($1, 5000)", &[&pid]).await.expect("ended");
        client.execute("SELECT pg_advisory_unlock(1)", &[]).await.expect("unlocked");
        pid
    };
    let (third, cut) = tokio::join!(third, cut);
    assert_ne!(cut, third.expect("answers").expect("a row").get::<_, i32>(0));
}

#[tokio::test]
async fn a_page_without_filters_is_planned_once() {
    let world = ApiWorld::new().await;
    // Behind a pooler no statement is prepared, and each page is planned.
    if world.store().is_pooled() {
        return;
    }
    let reader = ReadConnection::of_pages(world.store());
    for limit in 1..10_i64 {
        let params: [SqlParam<'_>; 2] = [(&limit, Type::INT8), (&0_i64, Type::INT8)];
        reader.rows(log::NEWEST_EVENTS, &params).await.expect("a page");
    }
    let plans = "-- plans\nSELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '-- newest_events%'";
    let row = reader.row(plans, &[]).await.expect("answers").expect("a row");
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (9, 0));
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_given_up() {
    let world = ApiWorld::new().await;
    let reader = ReadConnection::new(world.store());
    let large =
        reader.rows("-- large\nSELECT repeat('x', 1000000) FROM generate_series(1, 40)", &[]).await;
    assert!(matches!(large, Err(ReadError::PageTooLarge { .. })));
    reader.ping().await.expect("the connection is whole");
}

#[tokio::test]
async fn a_server_that_dies_and_comes_back() {
    let mut server = Crashable::start(false).await.expect("a server");
    server.create_database("crash").await.expect("made");
    let world = ApiWorld::over(store_at(&server.url("crash"))).await;
    assert_eq!(world.get("/build").await.text(), "[]");
    server.kill_hard().await.expect("killed");
    let answers = join_all((0..10).map(|_| world.get("/build"))).await;
    for answer in &answers {
        answer.is_problem(StatusCode::SERVICE_UNAVAILABLE, "DATABASE_UNAVAILABLE");
        assert!(answer.headers.contains_key("retry-after"));
    }
    server.restart().await.expect("back");
    assert_eq!(world.get("/build").await.text(), "[]");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_restarts_under_load() {
    let mut server = Crashable::start(false).await.expect("a server");
    server.create_database("crash").await.expect("made");
    let world = Arc::new(ApiWorld::over(store_at(&server.url("crash"))).await);
    let over = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let paths = [
        "/build",
        "/build/5a3b9c00-0000-4000-8000-0000000000ab",
        "/v1/events",
        "/v1/readings",
        "/v1/failures/count",
        "/api/status",
    ];
    let clients = paths.map(|path| {
        let (world, over) = (world.clone(), over.clone());
        tokio::spawn(async move {
            let mut seen = HashSet::new();
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                let begun = Instant::now();
                let answer = world.get(path).await;
                assert!(
                    begun.elapsed() < Duration::from_secs(10),
                    "{path} hung for {:?}",
                    begun.elapsed()
                );
                assert!(
                    answer.status != StatusCode::SERVICE_UNAVAILABLE
                        || answer.headers.contains_key("retry-after")
                );
                seen.insert(answer.status);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            seen
        })
    });
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        server.kill_hard().await.expect("killed");
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.restart().await.expect("back");
    }
    let back = async || (world.get("/v1/events").await.status == StatusCode::OK).then_some(());
    eventually(PATIENCE, back).await.expect("answers again");
    over.store(true, std::sync::atomic::Ordering::Relaxed);
    for client in clients {
        for status in client.await.expect("no client hung") {
            let expected = [StatusCode::OK, StatusCode::NOT_FOUND, StatusCode::SERVICE_UNAVAILABLE];
            assert!(expected.contains(&status), "{status}");
        }
    }
}
