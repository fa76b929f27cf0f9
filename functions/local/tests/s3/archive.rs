//! A month moves to the archive, and is read from there, while S3 fails: 503, cut connections, lost
//! answers, 404, half of a body, and slow answers.

use std::{collections::BTreeSet, sync::atomic::Ordering};

use anyhow::{Context, Result, ensure};
use tokio_postgres::Client;

use crate::{
    common::{Folder, Running, setting},
    proxy::{Faults, Proxy},
    server::{S3, command, migrated, weir},
};

const RECORDS: i64 = 300;
/// Each answer that is no 200 is noticed at once, or retried by the client.
const FAULTS: [Faults; 4] = [
    Faults { unavailable: 10, cut: 5, lost: 5, missing: 5, truncated: 5, slow: 10 },
    Faults { unavailable: 0, cut: 0, lost: 0, missing: 50, truncated: 0, slow: 0 },
    Faults { unavailable: 0, cut: 0, lost: 0, missing: 0, truncated: 50, slow: 0 },
    Faults { unavailable: 0, cut: 0, lost: 30, missing: 0, truncated: 0, slow: 30 },
];
const REPLAY: [&str; 4] = ["replay", "--model", "readings", "--yes"];
const DUMP: [&str; 7] =
    ["dump", "--dump-date", "2024-05-04", "--models", "events", "--formats", "parquet"];

async fn count(sql: &Client, query: &str) -> Result<i64> {
    Ok(sql.query_one(query, &[]).await?.try_get(0)?)
}

/// Returns the number and the checksum of the rows that a replay makes.
async fn projected(sql: &Client) -> Result<String> {
    let query = "SELECT count(*) || ' ' || coalesce(md5(string_agg(r::text, ',' ORDER BY r::text)), '') FROM readings r";
    Ok(sql.query_one(query, &[]).await?.try_get(0)?)
}

/// Lists all events, which are one page. Returns `None` if the answer is the archive's problem.
async fn listed(weir: &Running) -> Result<Option<BTreeSet<String>>> {
    let answer = weir.get("/v1/events?limit=1000").await?;
    if answer.status != 200 {
        ensure!(answer.status == 503 && answer.body.contains("ARCHIVE_UNREADABLE"), "{answer:?}");
        ensure!(answer.body.contains(".parquet"), "no file is named: {answer:?}");
        return Ok(None);
    }
    let mut ids = BTreeSet::new();
    for event in answer.json()?.as_array().context("a list")? {
        let id = event["id"].as_str().context("an id")?;
        ensure!(ids.insert(id.to_owned()), "{id} is listed twice");
    }
    Ok(Some(ids))
}

/// Moves a month and reads it again and again. `WEIR_ARCHIVE_FAULTS` is the number of rounds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an S3 server: bash tests/external/s3/run"]
async fn no_fault_of_s3_loses_or_doubles_an_archived_event() -> Result<()> {
    let rounds: u64 = setting("WEIR_ARCHIVE_FAULTS").map_or(Ok(8), |n| n.parse())?;
    let s3 = S3::start()?;
    let (database, sql) = migrated().await?;
    sql.batch_execute(
        "INSERT INTO streams (topic, group_id, epoch) VALUES ('readings', 'weir', 0);
         INSERT INTO stream_partitions (stream, partition, next_offset) VALUES (1, 0, 300);
         SELECT make_event_month('2024-05-01');
         INSERT INTO event_records (stream, partition, \"offset\", arrived_at, event_time, timestamp_ms, checksum, payload)
         SELECT 1, 0, n, timestamptz '2024-05-04' + n * interval '1 minute', timestamptz '2024-05-04' + n * interval '1 minute', 0, '\\x00',
             json_build_object('sensor', 'speed', 'timestamp', 1714780800 + n * 60, 'value', n)
         FROM generate_series(0, 299) AS n;
         INSERT INTO day_changes VALUES ('events', '2024-05-04')",
    )
    .await?;
    for args in [&REPLAY[..], &DUMP[..]] {
        let ended = weir(&s3.url, &database, args).await?;
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
    let rows = projected(&sql).await?;
    ensure!(rows.starts_with("300 "), "{rows}");

    let (mut moved, mut replayed, mut lists, mut faults) = (0, 0, 0, 0);
    for round in 0..rounds {
        let rates = FAULTS[usize::try_from(round)? % FAULTS.len()];
        let proxy = Proxy::start(&s3.url, rates, round * 1000).await?;
        let ended = weir(&proxy.url, &database, &["retention", "--keep", "100d", "--yes"]).await?;
        let stored = count(&sql, "SELECT count(*) FROM events").await?;
        let archived =
            count(&sql, "SELECT coalesce(sum(records), 0)::bigint FROM archived_files").await?;
        let what = format!("round {round}: {stored} stored, {archived} archived, {ended:?}");
        ensure!(stored + archived == RECORDS && (stored == 0 || archived == 0), "{what}");
        ensure!((ended.code == Some(0)) == (stored == 0), "{what}");
        moved += usize::from(stored == 0);
        if stored > 0 {
            let ended = weir(&s3.url, &database, &["retention", "--keep", "100d", "--yes"]).await?;
            ensure!(ended.code == Some(0), "round {round}: {ended:?}");
        }

        let ended = weir(&proxy.url, &database, &REPLAY).await?;
        ensure!(projected(&sql).await? == rows, "round {round}: {ended:?}");
        ensure!(
            ended.code == Some(0) || ended.stderr.contains(".parquet"),
            "round {round}: {ended:?}"
        );
        replayed += usize::from(ended.code == Some(0));

        // A new server has no local copy of the file.
        let folder = Folder::new()?;
        let data = folder.arg();
        let args = ["--data-dir", &data, "--port", "0", "--kafka-port", "0", "--no-sample"];
        let server = Running::of(command(&proxy.url, &database, &args)).await?;
        // The second request has a local copy if the first one was answered.
        let listed_first = if round % 8 < 4 { Some(listed(&server).await?) } else { None };
        let one = server.get("/v1/events/readings-0-7").await?;
        ensure!(
            one.status == 200 || one.status == 503 && one.body.contains("ARCHIVE_UNREADABLE"),
            "round {round}: {one:?}"
        );
        let ids = match listed_first {
            Some(ids) => ids,
            None => listed(&server).await?,
        };
        if let Some(ids) = ids {
            ensure!(i64::try_from(ids.len())? == RECORDS, "round {round}: {} events", ids.len());
            lists += 1;
        }
        server.interrupt().await?;
        faults += proxy.spoilt.load(Ordering::Relaxed);

        for args in [&["restore", "--model", "events", "--day", "2024-05-04"][..], &DUMP[..]] {
            let ended = weir(&s3.url, &database, args).await?;
            ensure!(ended.code == Some(0), "round {round}: {ended:?}");
        }
        ensure!(count(&sql, "SELECT count(*) FROM events").await? == RECORDS, "round {round}");
    }
    println!(
        "{rounds} rounds, {faults} faults: {moved} moves, {replayed} replays, {lists} lists succeeded"
    );
    // Most reads succeed after a retry of the client, and a 404 is never retried.
    let all = usize::try_from(rounds)?;
    assert!(faults > 0 && (all < 8 || moved + replayed + lists < 3 * all), "no fault was noticed");
    Ok(())
}
