//! The numbers of the types of events.

use weir_model::TopicsConfig;
use weir_store::Writer;
use weir_testkit::Record;
use weir_tests::{
    World,
    batches::{event, record},
    deliver, tables, topics_config,
};

fn writer(world: &World) -> anyhow::Result<Writer> {
    world.writer_with(&TopicsConfig {
        topics: "+jobs=events".parse()?,
        event_fields: vec!["jobs=event_type:/kind,event_version:/v".parse()?],
        ..topics_config()?
    })
}

/// Returns records of these kinds at consecutive offsets.
fn jobs(from: i64, kinds: &[&str]) -> Vec<Record> {
    let job = |(offset, kind): (i64, &&str)| {
        record("jobs", 0, offset, format!(r#"{{"kind":"{kind}","v":"{}"}}"#, offset % 2))
    };
    (from..).zip(kinds).map(job).collect()
}

/// Returns for each row of the log its offset, whether it has a number, and its type and version.
async fn rows(world: &World) -> anyhow::Result<Vec<String>> {
    let rows = "SELECT concat_ws(' ', r.\"offset\", CASE WHEN r.type_id IS NULL THEN 'text' ELSE 'number' END, e.event_type, e.event_version)
        FROM event_records r JOIN events e USING (stream, partition, \"offset\") ORDER BY r.\"offset\"";
    tables::column(&world.sql, rows).await
}

#[tokio::test]
async fn a_type_is_text_in_its_first_batch_and_a_number_afterwards() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = writer(&world)?;
    deliver(&writer, event(jobs(0, &["made", "made"]))).await?;
    deliver(&writer, event(jobs(2, &["made", "sent"]))).await?;
    // Another process reads the numbers.
    deliver(&self::writer(&world)?, event(jobs(4, &["sent", "sent"]))).await?;
    assert_eq!(
        rows(&world).await?,
        [
            "0 text made 0",
            "1 text made 1",
            "2 number made 0",
            "3 text sent 1",
            "4 text sent 0",
            "5 number sent 1",
        ]
    );
    assert_eq!(
        world.count("SELECT count(*) FROM event_types WHERE NOT skipped").await?,
        4,
        "two types with two versions"
    );
    Ok(())
}

#[tokio::test]
async fn a_number_belongs_to_a_connection() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = writer(&world)?;
    for offset in [0, 2] {
        deliver(&writer, event(jobs(offset, &["made"]))).await?;
    }
    // A failover to a replica that did not have the type yet, and gives its number to another one.
    world
        .sql
        .batch_execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
             DELETE FROM event_records;
             UPDATE event_types SET event_type = 'lost'",
        )
        .await?;
    deliver(&writer, event(jobs(4, &["made"]))).await?;
    deliver(&writer, event(jobs(6, &["made"]))).await?;
    assert_eq!(rows(&world).await?, ["4 text made 0", "6 number made 0"]);
    Ok(())
}

#[tokio::test]
async fn two_writers_give_a_type_one_number() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writers = [writer(&world)?, writer(&world)?];
    for round in 0..20 {
        let kinds: Vec<String> = (0..5).map(|n| format!("kind{}", round + n)).collect();
        let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
        let of = |partition| {
            jobs(round * 10, &kinds).into_iter().map(move |job| Record { partition, ..job })
        };
        let (one, other) =
            tokio::join!(deliver(&writers[0], event(of(0))), deliver(&writers[1], event(of(1))));
        one?;
        other?;
    }
    let twice = "SELECT count(*) FROM (SELECT FROM event_types GROUP BY stream, skipped, event_type, event_version HAVING count(*) > 1) AS t";
    assert_eq!(world.count(twice).await?, 0);
    let wrong = "SELECT count(*) FROM events WHERE event_type IS DISTINCT FROM payload ->> 'kind' OR event_version IS DISTINCT FROM payload ->> 'v'";
    assert_eq!(world.count(wrong).await?, 0);
    assert_eq!(world.count("SELECT count(*) FROM events").await?, 200);
    Ok(())
}

#[tokio::test]
async fn long_types_and_too_many_types_stay_texts() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = writer(&world)?;
    let long = "x".repeat(257);
    for offset in [0, 2] {
        deliver(&writer, event(jobs(offset, &[&long]))).await?;
    }
    assert_eq!(world.count("SELECT count(*) FROM event_types").await?, 0);
    world
        .sql
        .batch_execute(
            "INSERT INTO event_types (stream, skipped, event_type) SELECT 999, false, n::text FROM generate_series(1, 3999) AS n",
        )
        .await?;
    let writer = self::writer(&world)?;
    deliver(&writer, event(jobs(4, &["last", "more", "much"]))).await?;
    deliver(&writer, event(jobs(7, &["more", "much", "last"]))).await?;
    assert_eq!(world.count("SELECT count(*) FROM event_types").await?, 4000);
    let wrong = "SELECT count(*) FROM events WHERE event_type IS DISTINCT FROM payload ->> 'kind'";
    assert_eq!(world.count(wrong).await?, 0);
    assert_eq!(world.count("SELECT count(*) FROM events").await?, 8);
    Ok(())
}
