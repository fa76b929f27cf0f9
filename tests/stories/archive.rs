//! Old months of the log are in the object store. They are listed, found and replayed from there.

use std::{collections::BTreeSet, sync::Arc};

use anyhow::{Context, ensure};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use serde_json::Value;
use tower::ServiceExt;
use weir_api::{ApiState, DatabaseHealth};
use weir_archive::ArchiveReader;
use weir_blob::Format;
use weir_dump::{Found, restore, retain};
use weir_http::{Access, HttpLimits, ReadConnection};
use weir_model::models;
use weir_plugin::Plugins;
use weir_store::{
    Writer,
    packing::pack_closed_hours,
    reconcile::{BrokerPartition, reconcile},
    replay::{self, Replayed, Selection},
    retention::{Keep, Retention},
};
use weir_testkit::{Field, Record};
use weir_tests::{
    World,
    batches::{event, orders, readings, record},
    dice::Dice,
    dumps::{Dumps, day, far},
    tables,
    time_travel::{age, instant},
    traffic::Traffic,
};

const NOW: &str = "2026-11-21T06:00:00Z";

/// A world whose log has two old months and the present one, dumped as Parquet.
struct Archived {
    world: World,
    dumps: Dumps,
}

impl Archived {
    /// Stores records of all kinds: 60 % are in May 2024, 20 % in June 2024. Half of May is packed.
    async fn new() -> anyhow::Result<Self> {
        Self::with(&[Format::Parquet]).await
    }

    async fn with(formats: &[Format]) -> anyhow::Result<Self> {
        let world = World::new().await?;
        let mut dice = Dice::new(11);
        world.deliver(Traffic::new(&mut dice, 1, 60).whole()).await?;
        world.deliver(event(readings(100..160))).await?;
        let odd = [
            r#"{"n": "\u0000"}"#.into(),
            Field::Null,
            "{\n \"pretty\" : [1, 2]\n}".into(),
            r#"{"at":"yesterday"}"#.into(),
        ];
        let odd = (0_i64..).zip(odd).map(|(n, value)| record("orders", 3, n, value));
        world.deliver(event(odd)).await?;
        world
            .deliver(event((0..50).map(|n| Record {
                timestamp: 1_700_000_000_000 + n,
                ..record("orders", 5, n, format!(r#"{{"n":{n}}}"#))
            })))
            .await?;
        world
            .sql
            .batch_execute(
                "SELECT unpack_events(stream, partition, first_offset) FROM packed_events",
            )
            .await?;
        age(&world.sql, "\"offset\" % 5 < 2", 2024, 5).await?;
        pack_closed_hours(world.writer.store(), far()).await?;
        age(&world.sql, "\"offset\" % 5 = 2", 2024, 5).await?;
        age(&world.sql, "\"offset\" % 5 = 3", 2024, 6).await?;
        let dumps = Dumps::of(world.store()?, formats)?;
        dumps.one("events", "2024-05-04").await?;
        dumps.one("events", "2024-06-04").await?;
        Ok(Self { world, dumps })
    }

    async fn retain(&self) -> anyhow::Result<Retention> {
        Ok(retain(&self.dumps.dumper, &Keep::of_log(100), instant(NOW)?, &[], &|_| {}).await?)
    }

    async fn moved() -> anyhow::Result<Self> {
        let archived = Self::new().await?;
        let done = archived.retain().await?;
        ensure!(done.dropped.len() == 2 && done.dropped.iter().all(|m| m.is_archived), "{done:?}");
        Ok(archived)
    }

    fn reader(&self) -> ArchiveReader {
        ArchiveReader::new(Some(self.dumps.dumper.blobs.clone()))
    }

    fn writer(&self) -> Writer {
        self.world.writer.clone().with_archive(Arc::new(self.reader()))
    }

    /// Returns a router that reads the archive.
    fn api(&self) -> anyhow::Result<Router> {
        let reader = ReadConnection::new(self.world.store()?);
        let health = Arc::new(DatabaseHealth(reader.clone()));
        let limits = HttpLimits::default();
        let state =
            ApiState::new(self.world.writer.clone(), reader, Access::Open, limits, health, "1")
                .with_dumps(weir_api::Dumps::new(Some(self.dumps.dumper.blobs.clone()), &[]));
        weir_api::router(state, &Plugins::default()).map_err(anyhow::Error::msg)
    }

    fn file(&self, topic: &str) -> std::path::PathBuf {
        let name = format!("events/parquet/dt=2024-05-04/topic={topic}/part-00000.parquet");
        self.dumps.folder.path().join(name)
    }
}

async fn get(
    api: &Router,
    path: &str,
    accept: &str,
) -> anyhow::Result<(StatusCode, String, Option<String>)> {
    let request = Request::get(path).header("accept", accept).body(Body::empty())?;
    let answer = api.clone().oneshot(request).await?;
    let link =
        answer.headers().get("link").map(|l| l.to_str().map(ToOwned::to_owned)).transpose()?;
    let status = answer.status();
    let body = to_bytes(answer.into_body(), usize::MAX).await?;
    Ok((status, String::from_utf8(body.to_vec())?, link))
}

/// Returns all events of a list, page by page.
async fn listed(api: &Router, filter: &str, limit: usize) -> anyhow::Result<Vec<Value>> {
    let (mut all, mut path) = (Vec::new(), format!("/v1/events?limit={limit}&{filter}"));
    loop {
        let (status, body, link) = get(api, &path, "application/json").await?;
        ensure!(status == StatusCode::OK, "{path}: {status} {body}");
        let page: Vec<Value> = serde_json::from_str(&body)?;
        ensure!(page.len() <= limit, "{path}: {} events", page.len());
        all.extend(page);
        let Some(link) = link else { return Ok(all) };
        let end = link.find(">;").context("a link")?;
        link[1..end].clone_into(&mut path);
    }
}

const FILTERS: [&str; 12] = [
    "outcome=any",
    "",
    "topic=readings",
    "topic=orders&outcome=any",
    "topic=nothing",
    "partition=5&topic=orders",
    "entity_id=1-a",
    "event_type=updated",
    "from=2026-01-01T00:02:00Z",
    "to=2026-01-01T00:02:00Z",
    "outcome=skipped",
    "problems=any&outcome=any",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_and_events_are_the_same_before_and_after_the_move() -> anyhow::Result<()> {
    let archived = Archived::new().await?;
    let api = archived.api()?;
    let mut before = Vec::new();
    for filter in FILTERS {
        before.push(listed(&api, filter, 1000).await?);
    }
    ensure!(before[0].len() > 150 && before[10].len() > 1, "{} events", before[0].len());
    let ndjson = get(&api, "/v1/events?outcome=any", "application/x-ndjson").await?.1;
    let window = get(&api, "/v1/events?limit=7&offset=31", "application/json").await?.1;
    archived.retain().await?;
    let left = archived.world.count("SELECT count(*) FROM events").await?;
    let all = i64::try_from(before[0].len())?;
    ensure!(left > 0 && left < all / 2, "{left} of {all}");
    for (filter, before) in FILTERS.iter().zip(&before) {
        for limit in [1000, 17] {
            ensure!(listed(&api, filter, limit).await? == *before, "{filter} {limit}");
        }
    }
    ensure!(get(&api, "/v1/events?outcome=any", "application/x-ndjson").await?.1 == ndjson);
    ensure!(get(&api, "/v1/events?limit=7&offset=31", "application/json").await?.1 == window);
    for event in &before[0] {
        let path = format!("/v1/events/{}", event["id"].as_str().context("an id")?);
        let (status, body, _) = get(&api, &path, "application/json").await?;
        ensure!(
            status == StatusCode::OK && serde_json::from_str::<Value>(&body)? == *event,
            "{body}"
        );
    }
    let (status, ..) = get(&api, "/v1/events/orders-5-77", "application/json").await?;
    assert_eq!(status, StatusCode::NOT_FOUND);
    Ok(())
}

/// A day in the layout of the first version and a day in the present layout are one archive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_in_both_layouts_are_one_archive() -> anyhow::Result<()> {
    let world = World::new().await?;
    let dumps = Dumps::of(world.store()?, &[Format::Parquet])?;
    dumps.copy_first_layout()?;
    dumps.restored("events", "2024-05-04").await?;
    // The database knows the dump, as that of the first version did.
    world
        .sql
        .execute(
            "INSERT INTO dumps (destination, model, day, snapshot, records, bytes, dumped_at)
             VALUES ($1, 'events', '2024-05-04', pg_current_snapshot(), 13, 11240, $2::text::timestamptz)",
            &[
                &dumps.dumper.blobs.url().to_string(),
                &dumps.manifest("events", "2024-05-04").await?.dumped_at,
            ],
        )
        .await?;
    world.deliver(event(readings(0..20))).await?;
    age(&world.sql, "arrived_at > '2025-01-01'", 2024, 6).await?;
    dumps.one("events", "2024-06-04").await?;
    let archived = Archived { world, dumps };
    let (api, world) = (archived.api()?, &archived.world);
    let list = "topic=readings&outcome=any";
    let before = listed(&api, list, 1000).await?;
    ensure!(before.len() == 28, "{} events", before.len());
    replay::model(&archived.writer(), "readings", &Selection::default(), &|_, _| ()).await?;
    let rows = tables::rows(&world.sql, "readings").await?;
    let done = archived.retain().await?;
    ensure!(done.dropped.len() == 2 && done.dropped.iter().all(|m| m.is_archived), "{done:?}");
    let paths = tables::column(&world.sql, "SELECT path FROM archived_files ORDER BY path").await?;
    assert_eq!(
        paths,
        [
            "events/dt=2024-05-04/topic=build_events/part-00000.parquet",
            "events/dt=2024-05-04/topic=orders/part-00000.parquet",
            "events/dt=2024-05-04/topic=readings/part-00000.parquet",
            "events/parquet/dt=2024-06-04/topic=readings/part-00000.parquet",
        ]
    );
    assert_eq!(world.count("SELECT count(*) FROM events").await?, 0);
    for limit in [1000, 7] {
        ensure!(listed(&api, list, limit).await? == before, "{limit}");
    }
    let done =
        replay::model(&archived.writer(), "readings", &Selection::default(), &|_, _| ()).await?;
    ensure!(done.rebuilt && done.refused == 0, "{done:?}");
    assert_eq!(tables::rows(&world.sql, "readings").await?, rows);
    for day in ["2024-05-04", "2024-06-04"] {
        assert_eq!(archived.dumps.verified("events", day).await?, Found::Removed, "{day}");
    }
    // A day that comes back is dumped again in the present layout, and moved again.
    archived.dumps.restored("events", "2024-05-04").await?;
    archived.dumps.one("events", "2024-05-04").await?;
    ensure!(!archived.dumps.files()?.iter().any(|file| file.starts_with("events/dt=")));
    assert_eq!(archived.retain().await?.dropped.len(), 1);
    assert_eq!(
        world
            .count("SELECT count(*) FROM archived_files WHERE path LIKE 'events/parquet/dt=%'")
            .await?,
        4
    );
    ensure!(listed(&api, list, 1000).await? == before);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_model_is_rebuilt_from_the_archive() -> anyhow::Result<()> {
    let archived = Archived::new().await?;
    let world = &archived.world;
    let mut before = Vec::new();
    for table in ["builds", "readings"] {
        before.push(tables::rows(&world.sql, table).await?);
    }
    let replay = async |writer: &Writer, model: &str, selection: Selection| {
        replay::model(writer, model, &selection, &|_, _| ()).await
    };
    let whole = replay(&archived.writer(), "readings", Selection::default()).await?;
    archived.retain().await?;
    for (model, before) in ["builds", "readings"].iter().zip(&before) {
        let done = replay(&archived.writer(), model, Selection::default()).await?;
        ensure!(done.rebuilt && done.refused == 0, "{done:?}");
        ensure!(tables::rows(&world.sql, model).await? == *before, "{model}");
        if *model == "readings" {
            assert_eq!(done, whole);
        }
    }
    // Only what arrived in June or later.
    let from = Some(instant("2024-06-01T00:00:00Z")?);
    let plan =
        replay::plan(&archived.writer(), "readings", &Selection { topic: None, from }).await?;
    let done = replay(&archived.writer(), "readings", Selection { topic: None, from }).await?;
    ensure!(
        !done.rebuilt && done.records == plan.records && done.records < whole.records,
        "{done:?}"
    );
    // Without an object store, or with a damaged or missing file, nothing changes.
    let refused = replay(&world.writer, "readings", Selection::default()).await;
    let text = refused.map(|_| ()).expect_err("no object store").to_string();
    ensure!(text.contains("give --blob-url"), "{text}");
    let file = archived.file("readings");
    let good = std::fs::read(&file)?;
    let mut bad = good.clone();
    bad[good.len() / 2] ^= 1;
    for content in [Some(&bad[..]), Some(&good[1..]), None] {
        match content {
            Some(content) => std::fs::write(&file, content)?,
            None => std::fs::remove_file(&file)?,
        }
        let refused = replay(&archived.writer(), "readings", Selection::default()).await;
        let text = refused.map(|_| ()).expect_err("a damaged file").to_string();
        // The reader notices a changed byte before it decodes one.
        ensure!(content != Some(&bad[..]) || text.contains("SHA-256"), "{text}");
        ensure!(
            text.contains("events/parquet/dt=2024-05-04/topic=readings/part-00000.parquet"),
            "{text}"
        );
        assert_eq!(tables::rows(&world.sql, "readings").await?, before[1]);
        let api = archived.api()?;
        let (status, body, _) =
            get(&api, "/v1/events?topic=readings&limit=1000", "application/json").await?;
        ensure!(
            status == StatusCode::SERVICE_UNAVAILABLE
                && body.contains("topic=readings/part-00000.parquet"),
            "{status} {body}"
        );
    }
    // The newest events need no archive.
    let (status, ..) =
        get(&archived.api()?, "/v1/events?topic=orders&limit=1", "application/json").await?;
    assert_eq!(status, StatusCode::OK);
    Ok(())
}

/// All tables of each model come back, also the identities and the edges of CDEvents.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_table_of_a_model_is_rebuilt_from_the_archive() -> anyhow::Result<()> {
    for (model, topic) in crate::every_model::all() {
        let world = World::new().await?;
        world.deliver(crate::every_model::traffic(&*model, topic).whole()).await?;
        age(&world.sql, "\"offset\" % 3 < 2", 2024, 5).await?;
        let dumps = Dumps::of(world.store()?, &[Format::Parquet])?;
        dumps.one("events", "2024-05-04").await?;
        let archived = Archived { world, dumps };
        let sql = &archived.world.sql;
        let replay = async || {
            let writer = archived.writer();
            replay::model(&writer, model.name(), &Selection::default(), &|_, _| ()).await
        };
        // The rows also have the time of arrival, which is another one now.
        let whole = replay().await?;
        let mut before = Vec::new();
        for table in model.tables() {
            before.push(tables::rows(sql, table).await?);
        }
        let done = archived.retain().await?;
        ensure!(done.dropped.len() == 1 && done.dropped[0].is_archived, "{topic}: {done:?}");
        let done = replay().await?;
        ensure!(done.rebuilt && done == whole, "{topic}: {done:?}");
        for (table, before) in model.tables().iter().zip(before) {
            let rows = tables::rows(sql, table).await?;
            ensure!(!rows.is_empty() && rows == before, "{table}: {before:?} {rows:?}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_month_without_whole_parquet_files_stays() -> anyhow::Result<()> {
    let archived = Archived::with(&[Format::Json]).await?;
    let done = archived.retain().await?;
    let kept: Vec<String> = done.kept.iter().map(ToString::to_string).collect();
    assert_eq!(
        (done.dropped.len(), &*kept[0]),
        (
            0,
            "the dumps of these days have no Parquet files, which the archive needs: 2024-05-04; run `weir dump --models events --from 2024-05-04 --to 2024-05-04 --formats json,parquet`"
        )
    );
    let archived = Archived::new().await?;
    let all = archived.world.count("SELECT count(*) FROM events").await?;
    let file = archived.file("orders");
    let good = std::fs::read(&file)?;
    // The files were verified long ago, and one was damaged or lost since then.
    assert_eq!(archived.dumps.verified("events", "2024-05-04").await?, Found::Equal);
    // The name of the writer has the same length, and the rows are the same.
    let mut renamed = good.clone();
    let name = renamed.windows(5).rposition(|bytes| bytes == b"weir ").context("a name")?;
    renamed[name] = b'W';
    for content in [Some(&good[1..]), Some(&renamed[..]), None] {
        match content {
            Some(content) => std::fs::write(&file, content)?,
            None => std::fs::remove_file(&file)?,
        }
        let done = archived.retain().await?;
        ensure!(done.kept.iter().any(|k| k.days == ["2024-05-04"]), "{done:?}");
        ensure!(done.dropped.iter().all(|d| d.month_table == "events_2024_06"), "{done:?}");
    }
    let june = archived.world.count("SELECT sum(records)::bigint FROM archived_files").await?;
    assert_eq!(archived.world.count("SELECT count(*) FROM events").await?, all - june);
    std::fs::write(&file, good)?;
    assert_eq!(archived.retain().await?.dropped.len(), 1);
    Ok(())
}

/// A person deletes a record with SQL after its file was verified, and before the month is dropped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_month_whose_files_have_other_records_stays() -> anyhow::Result<()> {
    let archived = Archived::new().await?;
    let world = &archived.world;
    let delete = "DELETE FROM event_records WHERE arrived_at < '2024-06-01' AND ctid IN
        (SELECT ctid FROM event_records WHERE arrived_at < '2024-06-01' LIMIT 1)";
    let dropping = |progress: &str| {
        if progress == "dropping events_2024_05" {
            let deleted = tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(world.sql.execute(delete, &[]))
            });
            assert_eq!(deleted.expect("it is deleted"), 1);
        }
    };
    let all = world.count("SELECT count(*) FROM events").await?;
    let dumper = &archived.dumps.dumper;
    let refused = retain(dumper, &Keep::of_log(100), instant(NOW)?, &[], &dropping).await;
    let text = refused.map(|_| ()).expect_err("other records").to_string();
    ensure!(
        text.starts_with("the dumps of events_2024_05 do not have the records of the database"),
        "{text}"
    );
    assert_eq!(world.count("SELECT count(*) FROM events").await?, all - 1);
    assert_eq!(world.count("SELECT count(*) FROM archived_files").await?, 0);
    assert_eq!(world.count("SELECT count(*) FROM event_removals").await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archived_day_is_not_dumped_again_and_can_come_back() -> anyhow::Result<()> {
    let archived = Archived::new().await?;
    let world = &archived.world;
    let before = tables::rows(&world.sql, "events").await?;
    // A dump that began before the move would find no rows after it.
    let held = archived.dumps.held("events", "2024-05-04").await?;
    ensure!(archived.retain().await.is_err(), "a dump is running");
    held.go_on().await?;
    archived.retain().await?;
    let file = archived.file("readings");
    let good = std::fs::read(&file)?;
    let refused = archived.dumps.one("events", "2024-05-04").await;
    ensure!(
        refused.is_err_and(|e| e
            .to_string()
            .contains("retention removed the rows of events 2024-05-04"))
    );
    assert_eq!(archived.dumps.verified("events", "2024-05-04").await?, Found::Removed);
    assert_eq!(std::fs::read(&file)?, good);
    let dumper = &archived.dumps.dumper;
    let count = "SELECT (SELECT count(*) FROM events) + (SELECT coalesce(sum(records), 0)::bigint FROM archived_files)";
    let all = i64::try_from(before.len())?;
    assert_eq!(world.count(count).await?, all);
    let gone = "SELECT sum(records)::bigint FROM event_removals";
    let removed = world.count(gone).await?;
    let may = "2024-05-04";
    let back = restore(
        &world.store()?,
        &models::builtin(),
        &dumper.blobs,
        "events",
        day(may)?,
        &|_, _| {},
    )
    .await?;
    assert_eq!(world.count(count).await?, all);
    assert_eq!(world.count(gone).await?, removed - i64::try_from(back)?);
    assert_eq!(
        world.count("SELECT count(*) FROM archived_files WHERE day = '2024-05-04'").await?,
        0
    );
    let done =
        replay::model(&archived.writer(), "readings", &Selection::default(), &|_, _| ()).await?;
    ensure!(done.rebuilt, "{done:?}");
    // It is a changed day, so it is dumped and moved again.
    archived.dumps.one("events", may).await?;
    assert_eq!(archived.retain().await?.dropped.len(), 1);
    assert_eq!(world.count(count).await?, all);
    assert_eq!(world.count(gone).await?, removed);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn archived_records_count_for_reconcile_and_are_not_new() -> anyhow::Result<()> {
    let archived = Archived::new().await?;
    let store = archived.world.writer.store();
    let broker = |high: i64| BrokerPartition {
        topic: "orders".into(),
        partition: 5,
        low: 0,
        high,
        end: high,
    };
    let before = reconcile(store, "weir", &[broker(50)]).await?;
    archived.retain().await?;
    assert_eq!(reconcile(store, "weir", &[broker(50)]).await?, before);
    assert_eq!((before[0].records, before[0].holes), (50, 0));
    let again = (0..50).map(|n| Record {
        timestamp: 1_700_000_000_000 + n,
        ..record("orders", 5, n, format!(r#"{{"n":{n}}}"#))
    });
    assert_eq!(archived.world.deliver(event(again)).await?.event_acknowledged, 0);
    Ok(())
}

/// A retry reads the database only. It says so, and changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_of_an_archived_event_names_the_month() -> anyhow::Result<()> {
    let archived = Archived::moved().await?;
    let api = archived.api()?;
    let before = tables::everything(&archived.world.sql).await?;
    let listed = listed(&api, "topic=readings&to=2099-01-01T00:00:00Z", 1000).await?;
    let mut refused = 0;
    for event in listed {
        let id = event["id"].as_str().context("an id")?;
        // May has these offsets, and June and the present month have the others.
        let offset: i64 = id.rsplit('-').next().context("an offset")?.parse()?;
        if offset % 5 > 2 {
            continue;
        }
        let request = Request::post(format!("/v1/events/{id}/retry")).body(Body::empty())?;
        let answer = api.clone().oneshot(request).await?;
        let status = answer.status();
        let body = to_bytes(answer.into_body(), usize::MAX).await?;
        let body = String::from_utf8_lossy(&body);
        let text = format!(
            "event {id} arrived on 2024-05-04, and this month of the log is in the archive"
        );
        ensure!(status == StatusCode::UNPROCESSABLE_ENTITY && body.contains(&text), "{body}");
        refused += 1;
    }
    ensure!(refused > 0, "no event was in the archive");
    ensure!(tables::everything(&archived.world.sql).await? == before);
    // An event that is nowhere is still not found.
    let request = Request::post("/v1/events/orders-5-77/retry").body(Body::empty())?;
    assert_eq!(api.oneshot(request).await?.status(), StatusCode::NOT_FOUND);
    Ok(())
}

/// `weir reconcile` counts archived records by the database, and asks for the length of each file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_file_of_the_archive_is_found_without_a_read() -> anyhow::Result<()> {
    let archived = Archived::moved().await?;
    let files = weir_store::archive::files(archived.world.writer.store()).await?;
    ensure!(archived.reader().lost(files.clone()).await?.is_empty());
    let file = archived.file("orders");
    let good = std::fs::read(&file)?;
    for (content, fault) in [(Some(&good[1..]), "bytes, but must have"), (None, "does not exist")] {
        match content {
            Some(content) => std::fs::write(&file, content)?,
            None => std::fs::remove_file(&file)?,
        }
        let lost = archived.reader().lost(files.clone()).await?;
        ensure!(lost.len() == 1 && lost[0].file.topic == "orders", "{lost:?}");
        let text = lost[0].error.to_string();
        ensure!(text.contains("topic=orders/part-00000.parquet") && text.contains(fault), "{text}");
    }
    // Without an object store, nothing is known about any file.
    ensure!(ArchiveReader::new(None).lost(files).await.is_err());
    Ok(())
}

/// A month is moved while a list is read: the database first, and then the archive.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_list_during_the_move_has_each_event_once() -> anyhow::Result<()> {
    let archived = Archived::new().await?;
    let api = archived.api()?;
    let ids =
        |events: &[Value]| -> Vec<String> { events.iter().map(|e| e["id"].to_string()).collect() };
    let before = ids(&listed(&api, "outcome=any", 50).await?);
    assert_eq!(before.iter().collect::<BTreeSet<_>>().len(), before.len());
    let moved = tokio::spawn(async move { archived.retain().await.map(|done| (archived, done)) });
    let mut lists = 0;
    while !moved.is_finished() || lists < 2 {
        assert_eq!(ids(&listed(&api, "outcome=any", 50).await?), before);
        lists += 1;
    }
    let (archived, done) = moved.await??;
    assert_eq!(done.dropped.len(), 2);
    assert_eq!(ids(&listed(&api, "outcome=any", 50).await?), before);
    drop(archived);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forced_month_keeps_the_days_that_are_dumped() -> anyhow::Result<()> {
    let archived = Archived::moved().await?;
    let world = &archived.world;
    world.deliver(event(orders(1000..1020))).await?;
    age(&world.sql, "\"offset\" BETWEEN 1000 AND 1009 AND partition = 0", 2024, 7).await?;
    world.sql.batch_execute("UPDATE event_records SET arrived_at = arrived_at + interval '1 day' WHERE \"offset\" BETWEEN 1005 AND 1009 AND arrived_at < '2025-01-01'").await?;
    archived.dumps.one("events", "2024-07-04").await?;
    let done = retain(
        &archived.dumps.dumper,
        &Keep::of_log(100),
        instant(NOW)?,
        &["events_2024_07".to_owned()],
        &|_| {},
    )
    .await?;
    ensure!(done.dropped.len() == 1 && !done.dropped[0].is_archived, "{done:?}");
    assert_eq!(world.count("SELECT sum(records)::bigint FROM archived_files WHERE month_table = 'events_2024_07'").await?, 5);
    // The log is no longer whole, so nothing is emptied. Other topics are.
    let replayed = async |model: &str| {
        replay::model(&archived.writer(), model, &Selection::default(), &|_, _| ()).await
    };
    let Replayed { rebuilt, .. } = replayed("readings").await?;
    ensure!(rebuilt);
    Ok(())
}
