//! Series live in months: rows are where their time belongs, and a month goes as a whole.

use anyhow::Context;
use serde_json::json;
use tokio_postgres::error::SqlState;
use weir_blob::Format;
use weir_dump::{DumpError, Found, Which, restore, retain};
use weir_model::{Micros, models};
use weir_store::{
    migrate,
    replay::{self, Selection},
    retention::Keep,
    series,
};
use weir_tests::{
    World,
    batches::{event, record},
    dumps::{Dumps, day},
    reading,
    tables::{self, column},
    time_travel::instant,
};

/// The tables of a series that have rows, with the number of rows.
const PLACES: &str =
    "SELECT tableoid::regclass::text || ' ' || count(*) FROM readings GROUP BY tableoid ORDER BY 1";

/// Returns the text of an instant, by the database's clock.
async fn at(world: &World, expression: &str) -> anyhow::Result<String> {
    let sql = format!(
        "SELECT to_char(({expression}) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
    );
    Ok(column(&world.sql, &sql).await?.remove(0))
}

/// Returns the middle of the month that is `months` from now.
async fn month(world: &World, months: i32) -> anyhow::Result<String> {
    let begin = format!(
        "date_trunc('month', now() AT TIME ZONE 'UTC') + interval '{months} months 14 days'"
    );
    at(world, &format!("({begin}) AT TIME ZONE 'UTC'")).await
}

/// Returns the name of the month's table.
fn table_of(model: &str, at: &str) -> String {
    format!("{model}_{}_{}", &at[..4], &at[5..7])
}

/// Stores a reading at each of these times, in one batch.
async fn store(world: &World, partition: i32, times: &[&str]) -> anyhow::Result<usize> {
    let records = (0..).zip(times).map(|(offset, at)| {
        record("readings", partition, offset, reading("speed", f64::from(partition), at))
    });
    Ok(world.deliver(event(records)).await?.event_acknowledged)
}

async fn now(world: &World) -> anyhow::Result<Micros> {
    instant(&at(world, "now()").await?)
}

fn keep(days: u32) -> Keep {
    Keep {
        log: None,
        series: [("readings".to_owned(), days), ("cdevents".to_owned(), days)].into(),
    }
}

#[tokio::test]
async fn months_are_made_ahead_and_a_wrong_clock_makes_none() -> anyhow::Result<()> {
    let world = World::new().await?;
    let (last, this, next) =
        (month(&world, -1).await?, month(&world, 0).await?, month(&world, 1).await?);
    let old = month(&world, -20).await?;
    let made = "SELECT count(*) FROM series_months('readings')";
    assert_eq!(world.count(made).await?, 3);
    let times = [
        "0000-01-01T00:00:00Z",
        "1970-01-02T00:00:00Z",
        &old,
        &last,
        &this,
        &next,
        "9999-12-31T23:59:59Z",
    ];
    assert_eq!(store(&world, 0, &times).await?, times.len());
    let (last, this, next) = (
        format!("{} 1", table_of("readings", &last)),
        format!("{} 1", table_of("readings", &this)),
        format!("{} 1", table_of("readings", &next)),
    );
    let others = |n: i64| format!("readings_default {n}");
    let mut wanted = vec![last, this, next, others(4)];
    wanted.sort();
    assert_eq!(column(&world.sql, PLACES).await?, wanted);
    let before = tables::rows(&world.sql, "readings").await?;

    // A month of the last five years gets a table, and its rows are moved.
    assert_eq!(migrate::make_series_months(world.writer.store()).await?, 1);
    assert_eq!(migrate::make_series_months(world.writer.store()).await?, 0);
    wanted.retain(|table| !table.starts_with("readings_default"));
    wanted.extend([format!("{} 1", table_of("readings", &old)), others(3)]);
    wanted.sort();
    assert_eq!(column(&world.sql, PLACES).await?, wanted);
    assert_eq!(tables::rows(&world.sql, "readings").await?, before);
    // Old and far times can come forever.
    let years: Vec<String> = (1000..1100).map(|year| format!("{year}-01-01T00:00:00Z")).collect();
    store(&world, 1, &years.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    assert_eq!(migrate::make_series_months(world.writer.store()).await?, 0);
    assert_eq!(world.count(made).await?, 4);
    let connection = world.writer.store().connect().await?;
    let all = series::all(connection.client(), &models::builtin()).await?;
    let readings = all.iter().find(|s| s.model == "readings").context("readings")?;
    let shown = series::tables(world.writer.store(), readings).await?;
    assert_eq!(shown.len(), 5);
    let others = shown.last().context("a table")?;
    assert_eq!(
        (others.name.as_str(), others.month, others.bytes > 0),
        ("readings_default", None, true)
    );
    let far = Micros::from_rfc3339("9999-12-31T23:59:59Z");
    assert_eq!(others.others, Some((103, Micros::from_rfc3339("0000-01-01T00:00:00Z"), far)));
    Ok(())
}

/// A dump in a snapshot from before the move would find the new table empty.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_month_is_not_made_while_one_of_its_days_is_dumped() -> anyhow::Result<()> {
    let world = World::new().await?;
    let old = month(&world, -20).await?;
    store(&world, 0, &[&old]).await?;
    let dumps = Dumps::of(world.store()?, &[Format::Json])?;
    let held = dumps.held("readings", &old[..10]).await?;
    assert_eq!(migrate::make_series_months(world.writer.store()).await?, 0);
    held.go_on().await?;
    // A dump that has the lock of its day and its snapshot, and has not read the table yet.
    let (lock, snapshot) = (world.database.client().await?, world.database.client().await?);
    lock.batch_execute(&format!(
        "BEGIN; SELECT FROM dump_locks WHERE model = 'readings' AND day = '{}' FOR UPDATE",
        &old[..10]
    ))
    .await?;
    snapshot.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1").await?;
    assert_eq!(migrate::make_series_months(world.writer.store()).await?, 0);
    lock.batch_execute("ROLLBACK").await?;
    assert_eq!(dumps.manifest("readings", &old[..10]).await?.rows, 1);
    assert_eq!(migrate::make_series_months(world.writer.store()).await?, 1);
    // The reason for the lock: the old snapshot reads the new table, which has no row for it.
    let of_day = format!("SELECT count(*) FROM readings WHERE \"timestamp\" = '{old}'");
    assert_eq!(snapshot.query_one(&of_day, &[]).await?.get::<_, i64>(0), 0);
    assert_eq!(world.count(&of_day).await?, 1);
    assert_eq!(dumps.verified("readings", &old[..10]).await?, Found::Equal);
    Ok(())
}

/// Writers of other months do not wait for the move of rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_arrive_while_their_months_are_made() -> anyhow::Result<()> {
    let world = World::new().await?;
    let (this, mut times) = (month(&world, 0).await?, Vec::new());
    for back in 20..30 {
        times.push(month(&world, -back).await?);
    }
    let more = async {
        for n in 0..60 {
            let times = [&this, &times[usize::try_from(n % 10)?]];
            store(&world, n, &times.map(String::as_str)).await?;
        }
        anyhow::Ok(())
    };
    let months = async {
        for _ in 0..10 {
            migrate::make_series_months(world.writer.store()).await?;
        }
        anyhow::Ok(())
    };
    tokio::try_join!(more, months)?;
    migrate::make_series_months(world.writer.store()).await?;
    assert_eq!(world.count("SELECT count(*) FROM readings").await?, 11);
    assert_eq!(world.count("SELECT count(*) FROM readings_default").await?, 0);
    assert_eq!(world.count("SELECT count(*) FROM failures").await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_month_stays_removed_until_it_is_restored() -> anyhow::Result<()> {
    let world = World::new().await?;
    let (old, older, this) =
        (month(&world, -4).await?, month(&world, -90).await?, month(&world, 0).await?);
    store(&world, 0, &[&old, &older, &this]).await?;
    migrate::make_series_months(world.writer.store()).await?;
    let dumps = Dumps::of(world.store()?, &[Format::Json])?;
    let go = async |forced: &[String]| -> anyhow::Result<(Vec<String>, usize)> {
        let done = retain(&dumps.dumper, &keep(60), now(&world).await?, forced, &|_| {}).await?;
        let dropped = done.dropped.into_iter().map(|d| d.month_table).collect();
        Ok((dropped, done.kept.len()))
    };
    // Nothing is dumped.
    assert_eq!(go(&[]).await?, (vec![], 2));
    let tomorrow = at(&world, "now() + interval '1 day'").await?;
    dumps.run(Which::Daily, &tomorrow[..10]).await?;
    let written = dumps.manifest("readings", &old[..10]).await?.dumped_at;
    assert_eq!(
        go(&[]).await?,
        (vec!["readings_default".to_owned(), table_of("readings", &old)], 0)
    );
    assert_eq!(go(&[]).await?, (vec![], 0));
    let left = tables::rows(&world.sql, "readings").await?;
    assert_eq!(left.len(), 1);

    // A late event, a replay of everything, and a replay of a part bring nothing back.
    assert_eq!(store(&world, 1, &[&old, &older]).await?, 2);
    assert_eq!(tables::rows(&world.sql, "readings").await?, left);
    let replayed =
        replay::model(&world.writer, "readings", &Selection::default(), &|_, _| ()).await?;
    assert!(replayed.rebuilt && replayed.events == 5, "{replayed:?}");
    assert_eq!(tables::rows(&world.sql, "readings").await?, left);
    assert_eq!(migrate::make_series_months(world.writer.store()).await?, 0);

    // The days stay as they were dumped. They are neither stale nor dumped again.
    for _ in 0..2 {
        let again = dumps.run(Which::Daily, &tomorrow[..10]).await?;
        assert!(
            !again.iter().any(|d| d.contains(&old[..10]) || d.contains(&older[..10])),
            "{again:?}"
        );
        weir_dump::housekeeping(world.writer.store()).await?;
    }
    for of in [&old[..10], &older[..10]] {
        assert_eq!(dumps.standing("readings", of).await?, "dumped");
        assert_eq!(dumps.verified("readings", of).await?, Found::Removed);
        let refused = dumps.one("readings", of).await.expect_err("removed").to_string();
        assert!(refused.contains("retention removed"), "{refused}");
        assert_eq!(dumps.manifest("readings", of).await?.rows, 1, "{of}");
    }
    let marks = format!(
        "SELECT count(*) FROM day_changes WHERE model = 'readings' AND day IN ('{}', '{}')",
        &old[..10],
        &older[..10]
    );
    assert_eq!(world.count(&marks).await?, 0);
    assert_eq!(dumps.manifest("readings", &old[..10]).await?.dumped_at, written);

    // A restored day takes rows again. The other days of its month do not, so that a late event
    // cannot replace the dump of such a day.
    let (store_again, all) = (world.store()?, models::builtin());
    for of in [&old[..10], &older[..10]] {
        let rows =
            restore(&store_again, &all, &dumps.dumper.blobs, "readings", day(of)?, &|_, _| {})
                .await?;
        assert_eq!(rows, 1);
    }
    let mut places =
        vec![format!("{} 1", table_of("readings", &this)), "readings_default 2".to_owned()];
    places.sort();
    assert_eq!(column(&world.sql, PLACES).await?, places);
    assert_eq!(migrate::make_series_months(world.writer.store()).await?, 0);
    let neighbour = format!("{}16{}", &old[..8], &old[10..]);
    assert_eq!(store(&world, 2, &[&old, &neighbour]).await?, 2);
    assert_eq!(column(&world.sql, PLACES).await?, places);
    assert_eq!(dumps.standing("readings", &old[..10]).await?, "stale");
    assert_eq!(dumps.standing("readings", &neighbour[..10]).await?, "none");
    dumps.run(Which::Daily, &tomorrow[..10]).await?;
    let removals = "SELECT count(*) || ' ' || sum(to_time - from_time) FROM series_removals WHERE model = 'readings'";
    let before = column(&world.sql, removals).await?;
    assert!(before[0].starts_with("4 "), "{before:?}");
    assert_eq!(go(&[]).await?, (vec!["readings_default".to_owned(); 2], 0));
    let after = column(&world.sql, removals).await?;
    assert!(after[0].starts_with("2 "), "{after:?}");
    assert_eq!(tables::rows(&world.sql, "readings").await?, left);
    assert_eq!(world.count("SELECT sum(records)::bigint FROM series_removals").await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_month_that_is_not_over_is_never_removed() -> anyhow::Result<()> {
    let world = World::new().await?;
    let refused = world.sql.execute("SELECT drop_series_month('readings', now())", &[]).await;
    assert_eq!(refused.expect_err("not over").code(), Some(&SqlState::RAISE_EXCEPTION));
    let dumps = Dumps::of(world.store()?, &[Format::Json])?;
    // The far future is not over either.
    store(&world, 0, &["9999-12-31T23:59:59Z"]).await?;
    let far = Micros::from_rfc3339("9999-12-31T00:00:00Z").context("a time")?;
    let forced = ["readings_default".to_owned()];
    let done = retain(&dumps.dumper, &keep(1), far, &forced, &|_| {}).await?;
    let this = table_of("readings", &month(&world, 0).await?);
    assert!(done.dropped.iter().all(|d| d.records == 0 && d.month_table < this), "{done:?}");
    assert_eq!(world.count("SELECT count(*) FROM readings").await?, 1);
    Ok(())
}

fn cdevent(partition: i32, timestamp: i64, at: &str, subject: &str) -> weir_testkit::Record {
    identified("1", partition, timestamp, at, subject)
}

fn identified(
    id: &str,
    partition: i32,
    timestamp: i64,
    at: &str,
    subject: &str,
) -> weir_testkit::Record {
    let value = json!({"context": {"specversion": "0.5.1", "id": id, "source": "/tests", "type": "dev.cdevents.build.queued.0.3.0", "timestamp": at},
        "subject": {"id": subject, "content": {}}});
    weir_testkit::Record { timestamp, ..record("cdevents", partition, 0, value.to_string()) }
}

const IDENTITY: &str = "SELECT concat_ws(' ', c.tableoid::regclass::text, c.subject_id, coalesce(c.problems, '-'), i.\"timestamp\" = c.\"timestamp\")
    FROM cdevents c FULL JOIN cdevents_identities i USING (id, source, type)";

/// The row of an identity is where its first record says, whatever the order of arrival.
#[tokio::test]
async fn an_identity_has_one_row_in_all_months() -> anyhow::Result<()> {
    let far = "2300-01-01T00:00:00Z".to_owned();
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
        let world = World::new().await?;
        let (this, last) = (month(&world, 0).await?, month(&world, -1).await?);
        let all = [cdevent(0, 1, &last, "a"), cdevent(1, 2, &this, "b"), cdevent(2, 3, &far, "c")];
        for n in order {
            assert_eq!(world.deliver(event([all[n].clone()])).await?.event_acknowledged, 1);
            assert_eq!(column(&world.sql, IDENTITY).await?.len(), 1);
        }
        let wanted = format!("{} a identity reused t", table_of("cdevents", &last));
        assert_eq!(column(&world.sql, IDENTITY).await?, [wanted.as_str()], "{order:?}");
        let subjects =
            "SELECT id || ' ' || (payload #>> '{subject,id}') FROM api.subjects ORDER BY id";
        // The views show the row of the identity, as before.
        assert_eq!(column(&world.sql, subjects).await?, ["a a", "b a", "c a"]);
        replay::model(&world.writer, "cdevents", &Selection::default(), &|_, _| ()).await?;
        assert_eq!(column(&world.sql, IDENTITY).await?, [wanted], "{order:?}");
    }
    Ok(())
}

/// Two writers meet at the same identities, whose events have times in different months.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identities_that_two_writers_write_at_once_have_one_row() -> anyhow::Result<()> {
    let world = World::new().await?;
    let (this, last) = (month(&world, 0).await?, month(&world, -1).await?);
    let batch = |partition: i32, round: i64, at: &str| {
        let of_identity = |n: i64| {
            let id = format!("{round}-{n}");
            let mut one = identified(&id, partition, 10 - i64::from(partition), at, "a");
            one.offset = round * 20 + n;
            one
        };
        event((0..20).map(of_identity))
    };
    for round in 0..10 {
        let (one, other) = (batch(0, round, &this), batch(1, round, &last));
        let (one, other) = tokio::try_join!(world.deliver(one), world.deliver(other))?;
        assert_eq!((one.event_acknowledged, other.event_acknowledged), (20, 20));
    }
    // The records of partition 1 are the earlier ones.
    let last = table_of("cdevents", &last);
    let rows = "SELECT DISTINCT concat_ws(' ', c.tableoid::regclass::text, c.partition, c.problems, i.\"timestamp\" = c.\"timestamp\", count(*) OVER ())
        FROM cdevents c FULL JOIN cdevents_identities i USING (id, source, type)";
    assert_eq!(column(&world.sql, rows).await?, [format!("{last} 1 identity reused t 200")]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_identity_goes_with_its_row_and_comes_back_with_it() -> anyhow::Result<()> {
    let world = World::new().await?;
    let (old, this) = (month(&world, -4).await?, month(&world, 0).await?);
    world.deliver(event([cdevent(0, 1, &old, "a")])).await?;
    let dumps = Dumps::of(world.store()?, &[Format::Json])?;
    let tomorrow = at(&world, "now() + interval '1 day'").await?;
    dumps.run(Which::Daily, &tomorrow[..10]).await?;
    let done = retain(&dumps.dumper, &keep(60), now(&world).await?, &[], &|_| {}).await?;
    assert_eq!((done.dropped.len(), done.kept.len()), (1, 0));
    assert_eq!(column(&world.sql, IDENTITY).await?, Vec::<String>::new());
    assert_eq!(world.count("SELECT count(*) FROM api.subjects WHERE payload IS NULL").await?, 1);
    // A late event of the removed month leaves no row, and no identity after the next run. An event
    // of a month that is there is a new row.
    world.deliver(event([cdevent(1, 0, &old, "late")])).await?;
    assert_eq!(world.count("SELECT count(*) FROM cdevents").await?, 0);
    world.deliver(event([cdevent(2, 2, &this, "b")])).await?;
    let there = format!("{} b - t", table_of("cdevents", &this));
    assert_eq!(column(&world.sql, IDENTITY).await?, [there.as_str()]);
    world.deliver(event([cdevent(3, 0, &old, "later")])).await?;
    assert_eq!(column(&world.sql, IDENTITY).await?, [there.as_str()]);
    retain(&dumps.dumper, &keep(60), now(&world).await?, &[], &|_| {}).await?;
    assert_eq!(column(&world.sql, IDENTITY).await?, [there]);

    // The restored row has an identity that is taken.
    let (again, all) = (world.store()?, models::builtin());
    let load = async || {
        restore(
            &again,
            &all,
            &dumps.dumper.blobs,
            "cdevents",
            day(&old[..10]).expect("a day"),
            &|_, _| {},
        )
        .await
    };
    assert!(matches!(load().await, Err(DumpError::Store(_))));
    assert_eq!(world.count("SELECT count(*) FROM cdevents").await?, 1);
    world.sql.batch_execute("DELETE FROM cdevents; DELETE FROM cdevents_identities").await?;
    assert_eq!(load().await?, 1);
    assert_eq!(column(&world.sql, IDENTITY).await?, ["cdevents_default a - t"]);
    Ok(())
}
