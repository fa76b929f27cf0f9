//! Retries of failures, and replays of single events.

mod dedupe;
mod discards;
mod events;
mod races;
mod refused;

use anyhow::Context;
use weir_model::TopicsConfig;
use weir_store::{
    StoreError, Writer,
    event_id::EventId,
    reset::begin_epoch,
    retry::{self, RecordCoordinates, Retried, place_of},
};
use weir_testkit::{Field, Record};
use weir_tests::{
    World, audit,
    batches::{build, event, orders, readings, record},
    deliver,
    dice::{Dice, again, seeds},
    reading, tables,
    traffic::{Traffic, writer_of},
};

use crate::decoders::{avro, decoding, with_schema};

/// Returns the coordinates of a public id.
async fn place(world: &World, id: &str) -> anyhow::Result<RecordCoordinates> {
    let parsed: EventId = id.parse().map_err(|()| anyhow::anyhow!("{id} is not an id"))?;
    place_of(world.writer.store(), &parsed).await?.with_context(|| format!("{id} has no stream"))
}

/// Retries the failure of a public id.
async fn failure(world: &World, writer: &Writer, id: &str) -> anyhow::Result<Retried> {
    Ok(retry::failure(writer, place(world, id).await?).await?)
}

/// Returns a writer with these topics only.
fn bound(world: &World, topics: &str) -> anyhow::Result<Writer> {
    world.writer_with(&TopicsConfig { topics: topics.parse()?, ..TopicsConfig::default() })
}

/// Returns a writer that binds none of the topics, so that every record becomes a failure.
fn writer_without_models(world: &World) -> anyhow::Result<Writer> {
    bound(world, "unused=events")
}

/// Returns the rejection with this class and message.
fn refused(class: &str, message: &str) -> Retried {
    Retried::Refused { class: class.into(), message: message.into() }
}

/// Selects class, message and attempts of each failure.
const FAILURES: &str = "SELECT error_class || ': ' || error_message || ' / ' || attempts FROM failures ORDER BY stream, partition, \"offset\"";

/// Returns the coordinates of every failure, in random order.
async fn places(world: &World, dice: &mut Dice) -> anyhow::Result<Vec<RecordCoordinates>> {
    let rows = world
        .sql
        .query("SELECT stream, partition, \"offset\" FROM failures ORDER BY 1, 2, 3", &[])
        .await?;
    let read = |row: &tokio_postgres::Row| {
        Ok(RecordCoordinates {
            stream: row.try_get(0)?,
            partition: row.try_get(1)?,
            offset: row.try_get(2)?,
        })
    };
    let mut all = rows.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
    dice.shuffle(&mut all);
    Ok(all)
}

/// Returns odd records in addition to the traffic: frames, values that `jsonb` refuses, odd keys
/// and headers, invalid base64.
fn oddities() -> Vec<Record> {
    let framed = |body: &str| [b"\0\0\0\0\x07".as_slice(), body.as_bytes()].concat();
    let odd_headers = vec![
        ("ce_type".to_owned(), Some(b"placed".to_vec())),
        ("raw\0".to_owned(), Some(vec![0, 255])),
        ("none".to_owned(), None),
    ];
    vec![
        record("build_events", 7, 0, framed(&build(90, "ready", "2026-01-02T00:00:00Z", false))),
        record(
            "build_events",
            7,
            1,
            build(91, "ready", "2026-01-02T00:00:00Z", true)
                .replace("\"version\":1", r#""version":1,"note":"\u0000""#),
        ),
        record(
            "build_events",
            7,
            2,
            build(91, "ready", "2026-01-02T00:00:00Z", true).replace(',', ",\n\t "),
        ),
        record("readings", 7, 0, framed(&reading("framed", 1.5, "2026-01-01T00:00:00Z"))),
        record("orders", 7, 0, framed("\x06abc")),
        Record {
            key: Field::Text("%%%".into()),
            headers: Some(odd_headers.clone()),
            ..record("orders", 7, 1, "{}")
        },
        Record {
            key: b"k\xff\0".into(),
            headers: Some(odd_headers),
            timestamp: -1,
            ..record("orders", 7, 2, "{\"odd\":\"\\ud800\"}")
        },
        Record {
            key: Field::Text("%%%".into()),
            value: Field::Text("{}".into()),
            ..record("orders", 7, 3, "")
        },
        Record { timestamp: i64::MAX, ..record("orders", 7, 4, "\"a\"") },
    ]
}

#[tokio::test]
async fn failures_that_are_retried_in_any_order_leave_the_rows_of_a_clean_pass()
-> anyhow::Result<()> {
    for seed in seeds(3)? {
        let mut dice = Dice::new(seed);
        let records: Vec<Record> =
            Traffic::new(&mut dice, 1, 40).records().cloned().chain(oddities()).collect();
        let (world, clean) = (World::new().await?, World::new().await?);
        deliver(&writer_of(clean.store()?, "weir", true)?, event(records.clone())).await?;
        let report = deliver(&writer_without_models(&world)?, event(records.clone())).await?;
        assert_eq!(report.event_failed, records.len());

        let writer = writer_of(world.store()?, "weir", true)?;
        let mut stayed = 0;
        for place in places(&world, &mut dice).await? {
            match retry::failure(&writer, place).await? {
                Retried::Acknowledged | Retried::Skipped => {}
                Retried::Refused { .. } => stayed += 1,
                other => anyhow::bail!("{place:?}: {other:?}; {}", again(seed)),
            }
        }
        assert_eq!(
            world.count("SELECT count(*) FROM failures WHERE attempts = 2").await?,
            stayed,
            "{}",
            again(seed)
        );
        world.sql.batch_execute("UPDATE failures SET attempts = 1").await?;
        let (rows, wanted) = (
            audit::rows(&world.sql, Some("weir")).await?,
            audit::rows(&clean.sql, Some("weir")).await?,
        );
        audit::same("weir", &rows["weir"], &wanted["weir"]).with_context(|| again(seed))?;
        // The log's day is the current one, and midnight may pass during the test.
        let days = "SELECT DISTINCT model || CASE WHEN model = 'events' THEN '' ELSE ' ' || day END FROM day_changes ORDER BY 1";
        assert_eq!(
            tables::column(&world.sql, days).await?,
            tables::column(&clean.sql, days).await?
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_failure_is_an_event_once_its_topic_is_bound_to_the_right_model() -> anyhow::Result<()> {
    let world = World::new().await?;
    let wrong = bound(&world, "build_events=readings")?;
    deliver(
        &wrong,
        event([record("build_events", 0, 0, build(1, "ready", "2026-01-02T00:00:00Z", false))]),
    )
    .await?;
    let missing = "missing field `sensor` at line 1";
    let refused_again = failure(&world, &wrong, "build_events-0-0").await?;
    let Retried::Refused { class, message } = refused_again else {
        anyhow::bail!("{refused_again:?}")
    };
    assert!(class == "invalid_reading" && message.starts_with(missing), "{class}: {message}");
    assert_eq!(failure(&world, &world.writer, "build_events-0-0").await?, Retried::Acknowledged);
    assert_eq!(
        tables::column(&world.sql, "SELECT id || ' ' || status_build FROM builds").await?,
        [format!("{} ready", weir_tests::batches::build_id(1))]
    );
    assert_eq!(world.count("SELECT count(*) FROM failures").await?, 0);
    assert_eq!(failure(&world, &world.writer, "build_events-0-0").await?, Retried::AlreadyStored);
    Ok(())
}

#[tokio::test]
async fn a_topic_without_a_model_changes_nothing() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer_without_models = writer_without_models(&world)?;
    let mut all = orders(0..2);
    all[1].value = Field::Text("%%%".into());
    deliver(&writer_without_models, event(all)).await?;
    let before = tables::everything(&world.sql).await?;
    for id in ["orders-0-0", "orders-0-1"] {
        assert_eq!(failure(&world, &writer_without_models, id).await?, Retried::Unbound);
    }
    assert_eq!(tables::everything(&world.sql).await?, before);
    Ok(())
}

#[tokio::test]
async fn without_a_failure_the_log_is_asked() -> anyhow::Result<()> {
    let world = World::new().await?;
    let mut all = orders(0..3);
    all[1].value = Field::Null;
    world.deliver(event(all)).await?;
    let before = tables::everything(&world.sql).await?;
    for (id, what) in [
        ("orders-0-0", Retried::AlreadyStored),
        ("orders-0-1", Retried::AlreadyStored),
        ("orders-0-3", Retried::NotFound),
        ("orders-9-0", Retried::NotFound),
    ] {
        assert_eq!(failure(&world, &world.writer, id).await?, what, "{id}");
    }
    let nowhere = RecordCoordinates { stream: 99, partition: 0, offset: 0 };
    assert_eq!(retry::failure(&world.writer, nowhere).await?, Retried::NotFound);
    assert_eq!(tables::everything(&world.sql).await?, before);
    Ok(())
}

/// Creates a failure of a record that the log has. Only manual SQL can create this state.
async fn stored_and_failed(world: &World) -> anyhow::Result<()> {
    world.deliver(event(orders(0..3))).await?;
    world
        .sql
        .batch_execute(
            "INSERT INTO failures (stream, partition, \"offset\", timestamp_ms, checksum, error_class, error_message)
             SELECT stream, partition, \"offset\", timestamp_ms, checksum, 'by hand', 'by hand' FROM events WHERE \"offset\" = 1",
        )
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_failure_that_the_log_holds_is_gone_and_stored_once() -> anyhow::Result<()> {
    let world = World::new().await?;
    stored_and_failed(&world).await?;
    let log = tables::rows(&world.sql, "events").await?;
    assert_eq!(failure(&world, &world.writer, "orders-0-1").await?, Retried::AlreadyStored);
    assert_eq!(tables::rows(&world.sql, "events").await?, log);
    assert_eq!(world.count("SELECT count(*) FROM failures").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_failure_of_another_record_than_the_logs_is_kept() -> anyhow::Result<()> {
    let world = World::new().await?;
    stored_and_failed(&world).await?;
    world
        .sql
        .batch_execute("UPDATE failures SET checksum = '\\x00000000000000000000000000000001'")
        .await?;
    let before = tables::everything(&world.sql).await?;
    let result = retry::failure(&world.writer, place(&world, "orders-0-1").await?).await;
    assert!(
        matches!(result, Err(StoreError::Contradiction { partition: 0, offset: 1, .. })),
        "{result:?}"
    );
    assert_eq!(tables::everything(&world.sql).await?, before);
    Ok(())
}

#[tokio::test]
async fn a_skip_goes_to_the_log_with_its_reason() -> anyhow::Result<()> {
    let world = World::new().await?;
    let skips = [
        record("build_events", 0, 0, r#"{"data":null}"#),
        Record { value: Field::Null, ..record("orders", 0, 0, "") },
    ];
    deliver(&writer_without_models(&world)?, event(skips)).await?;
    assert_eq!(failure(&world, &world.writer, "build_events-0-0").await?, Retried::Skipped);
    assert_eq!(failure(&world, &world.writer, "orders-0-0").await?, Retried::Skipped);
    assert_eq!(
        world
            .count("SELECT count(*) FROM events WHERE outcome = 'skipped' AND reason <> ''")
            .await?,
        2
    );
    assert_eq!(
        world.count("SELECT (SELECT count(*) FROM failures) + (SELECT count(*) FROM builds) + (SELECT count(*) FROM day_changes WHERE model <> 'events')").await?,
        0
    );
    Ok(())
}

#[tokio::test]
async fn what_was_no_base64_is_never_taken_for_a_records_bytes() -> anyhow::Result<()> {
    let world = World::new().await?;
    let mut all = orders(0..3);
    // Texts that would be JSON if they were values.
    all[0].value = Field::Text("{}".into());
    all[1].key = Field::Text("%%%".into());
    all[2].key = Field::Text("%%%".into());
    all[2].value = Field::Text("[1]".into());
    world.deliver(event(all)).await?;
    let (key, value) = ("the key is not base64", "the value is not base64");
    for round in 2..4 {
        for (id, message) in [("orders-0-0", value), ("orders-0-1", key), ("orders-0-2", key)] {
            assert_eq!(
                failure(&world, &world.writer, id).await?,
                refused("bad_base64", message),
                "{id}"
            );
        }
        let line = |message: &str| format!("bad_base64: {message} / {round}");
        assert_eq!(
            tables::column(&world.sql, FAILURES).await?,
            [line(value), line(key), line(key)]
        );
    }
    assert_eq!(world.count("SELECT count(*) FROM events").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_decoder_that_came_later_reads_the_bytes() -> anyhow::Result<()> {
    let world = World::new().await?;
    deliver(
        &world.writer,
        event([record("readings", 0, 0, avro("speed", 1.5, 1_767_225_600_000))]),
    )
    .await?;
    let before = tables::column(&world.sql, FAILURES).await?;
    assert!(before[0].starts_with("invalid_"), "{before:?}");
    let (writer, _folder) = decoding(&world)?;
    assert_eq!(failure(&world, &writer, "readings-0-0").await?, Retried::Acknowledged);
    assert_eq!(
        tables::column(&world.sql, "SELECT sensor || ' ' || value FROM readings").await?,
        ["speed 1.5"]
    );
    assert_eq!(
        world
            .count(
                "SELECT count(*) FROM events WHERE raw IS NOT NULL AND payload ->> 'note' = 'windy'"
            )
            .await?,
        1
    );
    Ok(())
}

#[tokio::test]
async fn what_the_registry_said_is_still_known() -> anyhow::Result<()> {
    let world = World::new().await?;
    for (offset, format, name) in [(0, "AVRO", "Avro"), (1, "PROTOBUF", "Protobuf")] {
        with_schema(&world.writer, &event([record("orders", 0, offset, "\x06abc\x02")]), format)
            .await?;
        let message = format!("the value is {name} (schema 17), but the topic has no decoder");
        assert_eq!(
            failure(&world, &world.writer, &format!("orders-0-{offset}")).await?,
            refused("no_decoder", &message)
        );
    }
    Ok(())
}

#[tokio::test]
async fn another_groups_failure_is_stored_as_that_groups() -> anyhow::Result<()> {
    let world = World::new().await?;
    // The plugin refuses events of another group.
    let ledger = crate::ledger::Ledger::new(|index, event, _| match event.group_id {
        "other" => Ok(()),
        group => Err(weir_plugin::PluginError::Event { index, reason: format!("group {group}") }),
    });
    let writer = crate::ledger::with_plugins(&world, vec![std::sync::Arc::new(ledger)]).await?;
    let writer_without_models = writer_without_models(&world)?;
    let other = Writer::new(
        world.store()?,
        writer_without_models.models().clone(),
        writer_without_models.topics().clone(),
        "other",
    );
    deliver(&other, event(orders(0..1))).await?;
    assert_eq!(failure(&world, &writer, "orders-0-0").await?, Retried::Acknowledged);
    assert_eq!(world.sql.query(crate::ledger::UNBALANCED, &[]).await?.len(), 0);
    assert_eq!(
        retry::event(&writer, place(&world, "orders-0-0").await?).await?,
        Retried::Acknowledged
    );
    Ok(())
}

#[tokio::test]
async fn every_epoch_has_separate_coordinates() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer_without_models = writer_without_models(&world)?;
    for epoch in 0..3 {
        deliver(
            &writer_without_models,
            event((0..2).map(|offset| record("orders", 0, offset, format!("\"{epoch}\"")))),
        )
        .await?;
        begin_epoch(world.writer.store(), "weir", "orders").await?;
    }
    deliver(&world.writer, event(readings(0..1))).await?;
    let ids = "SELECT string_agg(id || ' ' || topic, ', ' ORDER BY id) FROM streams";
    assert_eq!(
        tables::column(&world.sql, ids).await?,
        ["1 orders, 2 orders, 3 orders, 4 orders, 5 readings"]
    );
    for (id, found) in [
        ("orders-0-1", Some(1)),
        ("orders-0-1~1", Some(1)),
        ("orders-0-1~2", Some(2)),
        ("orders-0-1~4", Some(4)),
        ("orders-0-1~5", None),
        ("orders-0-1~6", None),
        ("readings-0-0", Some(5)),
        ("readings-0-0~1", None),
        ("ships-0-0", None),
    ] {
        let id: EventId = id.parse().map_err(|()| anyhow::anyhow!("no id"))?;
        let wanted = found.map(|stream| RecordCoordinates {
            stream,
            partition: id.partition,
            offset: id.offset,
        });
        assert_eq!(place_of(world.writer.store(), &id).await?, wanted, "{id}");
    }
    // The second epoch is neither the first nor the current one.
    assert_eq!(failure(&world, &world.writer, "orders-0-1~2").await?, Retried::Acknowledged);
    assert_eq!(failure(&world, &world.writer, "orders-0-1~4").await?, Retried::NotFound);
    assert_eq!(
        tables::column(&world.sql, "SELECT stream || ' ' || payload FROM events WHERE stream < 5")
            .await?,
        ["2 \"1\""]
    );
    assert_eq!(world.count("SELECT count(*) FROM failures").await?, 5);
    assert!(retry::discard(world.writer.store(), place(&world, "orders-0-0~3").await?).await?);
    assert_eq!(
        tables::column(
            &world.sql,
            "SELECT stream || '-' || \"offset\" FROM failures WHERE discarded_at IS NOT NULL"
        )
        .await?,
        ["3-0"]
    );
    assert_eq!(
        retry::event(&world.writer, place(&world, "orders-0-1~2").await?).await?,
        Retried::Acknowledged
    );
    assert_eq!(
        retry::event(&world.writer, place(&world, "orders-0-1").await?).await?,
        Retried::NotFound
    );
    Ok(())
}
