//! Dumps, restores into an empty database, and compares: row by row, for every model, in every
//! format.

use serde_json::json;
use weir_blob::Format;
use weir_dump::{Found, restore, verify};
use weir_model::models;
use weir_testkit::{Field, Record};
use weir_tests::{
    World,
    batches::{build, event, record},
    dumps::{Dumps, FORMATS, day},
    reading,
    tables::rows,
    time_travel::instant,
};

/// Returns the current day by the database's clock: the day on which all records arrive.
async fn today(world: &World) -> anyhow::Result<String> {
    Ok(world
        .sql
        .query_one("SELECT (now() AT TIME ZONE 'UTC')::date::text", &[])
        .await?
        .try_get(0)?)
}

/// Creates readings and builds with all values that their columns allow, and a log with every odd
/// record.
async fn full() -> anyhow::Result<World> {
    let world = World::new().await?;
    let day = |time: &str| format!("2026-01-01T{time}Z");
    let mut all = Vec::new();
    let values = [
        0.0,
        -0.0,
        1.5,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        0.1 + 0.2,
        -1e300,
        123_456_789.0,
        1e21,
    ];
    for (n, value) in (0_i64..).zip(values) {
        let value = reading("speed", value, &day(&format!("00:00:{n:02}.{n}00{n}01")));
        all.push(record("readings", (n % 3).try_into()?, n, value));
    }
    all.push(record("readings", 7, 100, reading("fuel", 1.0, &day("23:59:59.999999"))));
    all.push(record("readings", 7, 101, reading("fuel", 2.0, "2026-01-02T00:00:00Z")));
    all.push(record(
        "readings",
        7,
        102,
        r#"{"sensor":"fuel","value":"NaN","timestamp":"2026-01-01T00:00:00Z"}"#,
    ));
    all.push(record(
        "readings",
        7,
        103,
        r#"{"sensor":"fuel","value":NaN,"timestamp":"2026-01-01T00:00:00Z"}"#,
    ));
    all.push(record("readings", 7, 104, reading("fuel", 3.0, "0000-01-01T00:00:00Z")));
    all.push(record("readings", 7, 105, reading("fuel", 4.0, "9999-12-31T23:59:59.999999Z")));
    all.push(record("build_events", 0, 0, build(1, "ready", "2026-01-02T00:00:00.123456Z", true)));
    let odd = json!({"version": 1, "data": {"event": "x", "build": {
        "id": "5A3B9C00-0000-4000-8000-000000000001", "projectId": "5a3b9c00-0000-4000-8000-000000000002",
        "branch": {"name": "", "htmlUrl": "a,b\"c\"\r\nd"}, "commit": {"ref": " x "}, "pullRequest": {"name": "😀 ünï\u{2028}\u{7f}", "number": 7, "description": "NULL"},
        "config": {"a": [1, 1e300, "\\ \n \u{1}", null]}, "steps": [], "diskSpace": {"realBytes": 9_007_199_254_740_993_i64},
        "createdAt": "0000-01-01T00:00:00Z", "updatedAt": "9999-12-31T23:59:59.999Z", "reapedReason": 3, "reapedDate": "9999-12-31T23:59:59.999999Z"}}});
    all.push(record("build_events", 0, 1, odd.to_string()));
    all.push(record("build_events", 0, 2, r#"{"data":null}"#));
    let payloads = [
        "{\n  \"pretty\": [1,\r\n\t2]\n}\n".to_owned(),
        format!("{{\"long\":\"{}\"}}", "x".repeat(1024 * 1024)),
        r#"{"nul":"\u0000"}"#.into(),
        r#"["\ud800"]"#.into(),
        "1e200000".into(),
        [&"[".repeat(20_000), "]".repeat(20_000).as_str()].concat(),
        r#""quoted \" \\ text""#.into(),
        "null".into(),
        "  7  ".into(),
        "{\"dup\":1,\"dup\":2,\"é\":\"😀\"}".into(),
        r#"{"id":"NULL"}"#.into(),
    ];
    for (n, payload) in (0_i64..).zip(payloads) {
        let headers = Some(vec![
            ("h".to_owned(), Some(vec![0, 255, 10])),
            ("h".into(), None),
            ("text".into(), Some(b"a,\"b\"\n".to_vec())),
        ]);
        let key = [Field::Null, "k,\"\n".into(), vec![0_u8, 1, 255].into(), "".into()]
            [usize::try_from(n)? % 4]
            .clone();
        all.push(Record {
            key,
            headers: if n % 2 == 0 { headers } else { None },
            timestamp: [0, -1, 253_402_300_799_999][usize::try_from(n)? % 3],
            ..record("orders", 1, n * 2, payload)
        });
    }
    // This record has a finding, which is dumped and restored too.
    let headers = Some(vec![("ce_time".to_owned(), Some(b"yesterday".to_vec()))]);
    all.push(Record { headers, timestamp: -1, ..record("orders", 3, 0, "{}") });
    all.push(Record { value: Field::Null, timestamp: i64::MAX, ..record("orders", 2, 5, "") });
    world.deliver(event(all)).await?;
    assert_eq!(
        world
            .count(
                "SELECT count(*) FROM events WHERE problems LIKE 'ce_time%' AND event_time IS NULL"
            )
            .await?,
        1
    );
    Ok(world)
}

async fn empty() -> anyhow::Result<World> {
    World::new().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_out_comes_back_in_every_format() -> anyhow::Result<()> {
    let world = full().await?;
    let today = today(&world).await?;
    for format in FORMATS {
        let dumps = Dumps::of(world.store()?, &[format])?;
        dumps.one("events", &today).await?;
        dumps.one("builds", &today).await?;
        for day in ["2026-01-01", "2026-01-02", "0000-01-01", "9999-12-30"] {
            if day < "2300" {
                dumps.one("readings", day).await?;
            }
        }
        let other = empty().await?;
        let (store, blobs, all) = (other.store()?, &dumps.dumper.blobs, models::builtin());
        for (model, text) in [
            ("events", today.as_str()),
            ("builds", &today),
            ("readings", "2026-01-01"),
            ("readings", "2026-01-02"),
            ("readings", "0000-01-01"),
        ] {
            restore(&store, &all, blobs, model, day(text)?, &|_, _| {}).await?;
            let (manifest, found) = verify(
                &store,
                &all,
                blobs,
                model,
                day(text)?,
                instant("2026-02-01T00:00:00Z")?,
                &|_, _| {},
            )
            .await?;
            let state = model == "builds";
            assert_eq!(
                found,
                if state { Found::StateOfThen } else { Found::Equal },
                "{format:?} {model} {text}"
            );
            assert!(manifest.rows > 0, "{format:?} {model} {text}");
        }
        world.sql.batch_execute("DELETE FROM readings WHERE \"timestamp\" >= '9999-01-01'").await?;
        for table in ["events", "builds", "readings", "streams"] {
            let (mut here, there) =
                (rows(&world.sql, table).await?, rows(&other.sql, table).await?);
            if table == "streams" {
                // These columns differ between databases: the time when the stream was first seen,
                // and the topic's id after it.
                let without_own = |rows: Vec<String>| {
                    rows.into_iter()
                        .map(|r| r.rsplitn(3, ',').last().map(ToOwned::to_owned))
                        .collect::<Vec<_>>()
                };
                assert_eq!(without_own(here), without_own(there));
                continue;
            }
            here.sort();
            assert_eq!(here.len(), there.len(), "{format:?} {table}");
            for (a, b) in here.iter().zip(&there) {
                assert!(
                    a == b,
                    "{format:?} {table}: {} is not {}",
                    a.chars().take(300).collect::<String>(),
                    b.chars().take(300).collect::<String>()
                );
            }
        }
    }
    Ok(())
}

/// Rows that only manual SQL could write: NULL in columns that are always set, values that are not
/// numbers, infinite times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hand_written_extremes_come_back_too() -> anyhow::Result<()> {
    let world = World::new().await?;
    world
        .sql
        .batch_execute(
            "INSERT INTO builds (id, project_id, config, steps, reaped_date, time_started, time_updated, record_timestamp_ms, stream, partition, \"offset\")
             VALUES (gen_random_uuid(), gen_random_uuid(), 'null', '[\"\\u00e9\", 1.50]', 'infinity', '-infinity', '4713-01-02 BC', -1, 0, 0, 0),
                    (gen_random_uuid(), gen_random_uuid(), NULL, '\"\"', NULL, '20000-02-29 12:00:00.000001', '99999-01-01', 0, 0, 0, 0);
             INSERT INTO readings SELECT 's' || n, '2026-01-01', v, 0, 0, 0, 0 FROM unnest('{NaN,Infinity,-Infinity,-0}'::float8[]) WITH ORDINALITY AS t (v, n)",
        )
        .await?;
    for format in FORMATS {
        let dumps = Dumps::of(world.store()?, &[format])?;
        let other = empty().await?;
        for model in ["builds", "readings"] {
            dumps.one(model, "2026-01-01").await?;
            restore(
                &other.store()?,
                &models::builtin(),
                &dumps.dumper.blobs,
                model,
                day("2026-01-01")?,
                &|_, _| {},
            )
            .await?;
            assert_eq!(
                rows(&world.sql, model).await?,
                rows(&other.sql, model).await?,
                "{format:?} {model}"
            );
        }
    }
    Ok(())
}

/// Kafka delivers the records of a restored log again, also after a restart from offset 0. No
/// record is duplicated, and records that are not in the dump are stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_log_is_not_delivered_twice() -> anyhow::Result<()> {
    let world = World::new().await?;
    let records = || {
        (0..20).map(|n| {
            record(
                "orders",
                0,
                n,
                if n == 7 { "no JSON".to_owned() } else { format!("{{\"n\":{n}}}") },
            )
        })
    };
    world.deliver(event(records())).await?;
    let today = today(&world).await?;
    let dumps = Dumps::of(world.store()?, &[Format::Parquet])?;
    dumps.one("events", &today).await?;
    let other = empty().await?;
    restore(
        &other.store()?,
        &models::builtin(),
        &dumps.dumper.blobs,
        "events",
        day(&today)?,
        &|_, _| {},
    )
    .await?;
    assert_eq!(other.count("SELECT next_offset FROM stream_partitions").await?, 20);
    // The failure is not a row of the log, so it counts as not delivered in this database.
    assert_eq!(
        other
            .count("SELECT count(*) FROM stream_gaps WHERE first_offset = 7 AND end_offset = 8")
            .await?,
        1
    );
    let report = other.deliver(event(records())).await?;
    assert_eq!(
        (report.event_already_consumed, report.event_failed, report.event_acknowledged),
        (19, 1, 0)
    );
    assert_eq!(other.count("SELECT count(*) FROM events").await?, 19);
    assert_eq!(other.count("SELECT count(*) FROM stream_gaps").await?, 0);
    // Other topics get new ids.
    other
        .deliver(event([record("readings", 0, 0, reading("speed", 1.0, "2026-01-01T00:00:00Z"))]))
        .await?;
    let again = restore(
        &other.store()?,
        &models::builtin(),
        &dumps.dumper.blobs,
        "events",
        day(&today)?,
        &|_, _| {},
    )
    .await;
    assert!(again.is_err_and(|e| e.to_string().contains("already")), "it has rows of the day");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_tampered_with_is_not_loaded() -> anyhow::Result<()> {
    let world = full().await?;
    let dumps = Dumps::of(world.store()?, &[Format::Json])?;
    dumps.one("readings", "2026-01-01").await?;
    let path = dumps.folder.path().join("readings/json/dt=2026-01-01/part-00000.json.gz");
    let good = std::fs::read(&path)?;
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let other = empty().await?;
    for (bad, says) in [(flipped, "SHA-256"), (good[..good.len() - 5].to_vec(), "bytes")] {
        std::fs::write(&path, bad)?;
        let refused = restore(
            &other.store()?,
            &models::builtin(),
            &dumps.dumper.blobs,
            "readings",
            day("2026-01-01")?,
            &|_, _| {},
        )
        .await;
        assert!(refused.as_ref().is_err_and(|e| e.to_string().contains(says)), "{refused:?}");
        let wrong = verify(
            &world.store()?,
            &models::builtin(),
            &dumps.dumper.blobs,
            "readings",
            day("2026-01-01")?,
            instant("2026-02-01T00:00:00Z")?,
            &|_, _| {},
        )
        .await;
        assert!(wrong.is_err_and(|e| e.to_string().contains(says)));
    }
    assert_eq!(
        other
            .count("SELECT (SELECT count(*) FROM readings) + (SELECT count(*) FROM streams)")
            .await?,
        0
    );
    std::fs::write(&path, good)?;
    restore(
        &other.store()?,
        &models::builtin(),
        &dumps.dumper.blobs,
        "readings",
        day("2026-01-01")?,
        &|_, _| {},
    )
    .await?;
    Ok(())
}
