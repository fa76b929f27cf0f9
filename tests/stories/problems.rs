//! An event with a problem is marked, and the mark stays.

use weir_model::TopicsConfig;
use weir_store::{
    replay::{self, Selection},
    retry::{self, Retried, place_of},
};
use weir_testkit::Record;
use weir_tests::{
    World,
    batches::{event, record},
    deliver, tables, topics_config,
};

fn config() -> anyhow::Result<TopicsConfig> {
    Ok(TopicsConfig {
        event_fields: vec!["orders=event_time:/at".parse().map_err(anyhow::Error::msg)?],
        ..topics_config()?
    })
}

const PROBLEMS: &str =
    "SELECT \"offset\" || ': ' || coalesce(problems, '-') FROM events ORDER BY stream, \"offset\"";

#[tokio::test]
async fn a_replay_finds_the_same_and_what_an_earlier_release_did_not_note() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = world.writer_with(&config()?)?;
    let values = [
        "{}",
        r#"{"at":"soon"}"#,
        r#"{"at":"2026-01-01 00:00:00"}"#,
        r#"{"at":"2026-01-01T00:00:00+0000"}"#,
    ];
    deliver(
        &writer,
        event((0..).zip(values).map(|(offset, value)| record("orders", 0, offset, value))),
    )
    .await?;
    // A CDEvent without a time takes its arrival time, also when it is built again from the log.
    let timeless = r#"{"context":{"specversion":"0.5.1","id":"1","source":"/s","type":"dev.cdevents.build.queued.0.3.0"},"subject":{"id":"b","content":{}}}"#;
    deliver(&writer, event([Record { timestamp: -1, ..record("cdevents", 0, 0, timeless) }]))
        .await?;
    let taken = "SELECT count(*) FROM cdevents c JOIN events e USING (stream, partition, \"offset\")
        WHERE c.\"timestamp\" = e.arrived_at AND e.event_time = e.arrived_at AND e.timestamp_ms = -1 AND c.record_timestamp_ms = -1";
    assert_eq!(world.count(taken).await?, 1);

    let found = tables::column(&world.sql, PROBLEMS).await?;
    assert_eq!(
        found[..4],
        [
            "0: -",
            "1: event_time at /at is not a time: \"soon\", the record's timestamp is used",
            "2: event_time has no time zone, UTC is assumed",
            "3: -",
        ]
    );
    assert!(found[4].contains("the arrival time is used"), "{}", found[4]);
    for damage in ["SELECT 1", "UPDATE event_records SET problems = NULL"] {
        let (events, cdevents) = (
            tables::rows(&world.sql, "events").await?,
            tables::rows(&world.sql, "cdevents").await?,
        );
        world.sql.batch_execute(damage).await?;
        world.sql.batch_execute("DELETE FROM day_changes").await?;
        for model in ["events", "cdevents"] {
            replay::model(&writer, model, &Selection::default(), &|_, _| ()).await?;
        }
        assert_eq!(tables::rows(&world.sql, "events").await?, events, "{damage}");
        assert_eq!(tables::rows(&world.sql, "cdevents").await?, cdevents, "{damage}");
        let marked = i64::from(damage != "SELECT 1");
        assert_eq!(
            world
                .count("SELECT count(DISTINCT day) FROM day_changes WHERE model = 'events'")
                .await?,
            marked,
            "{damage}"
        );
    }
    Ok(())
}

/// Returns the topics `orders`, `readings`, `build_events` and `cdevents`, each with a value that
/// its model accepts.
fn converted() -> [(&'static str, &'static str); 4] {
    [
        ("orders", "{}"),
        ("readings", r#"{"sensor":"speed","value":1,"timestamp":"2026-01-01T00:00:00Z"}"#),
        ("build_events", r#"{"data":null}"#),
        (
            "cdevents",
            r#"{"context":{"specversion":"0.5.1","id":"1","source":"/s","type":"dev.cdevents.build.queued.0.3.0","timestamp":"2026-01-01T00:00:00Z"},"subject":{"id":"b","content":{}}}"#,
        ),
    ]
}

#[tokio::test]
async fn what_its_sender_could_not_convert_is_a_failure_until_it_is_edited() -> anyhow::Result<()> {
    let world = World::new().await?;
    let header = |reason: &[u8]| Some(vec![("weir-error".to_owned(), Some(reason.to_vec()))]);
    let records = converted().map(|(topic, value)| Record {
        headers: header(b"d/a.csv:3: no UTF-8"),
        ..record(topic, 0, 0, value)
    });
    let others = [
        Record { headers: header(b""), ..record("orders", 0, 1, "{}") },
        Record {
            headers: header(b"b\xffad\nline"),
            value: weir_testkit::Field::Null,
            ..record("orders", 0, 2, "")
        },
        record("orders", 0, 3, "{}"),
    ];
    let report = world.deliver(event(records.into_iter().chain(others))).await?;
    assert_eq!((report.event_acknowledged, report.event_failed), (1, 6));
    let failures = "SELECT s.topic || ' ' || f.error_class || ': ' || f.error_message FROM failures f JOIN streams s ON s.id = f.stream ORDER BY s.topic, f.\"offset\"";
    let said = |topic: &str, says: &str| format!("{topic} unreadable: {says}");
    let file = "d/a.csv:3: no UTF-8";
    assert_eq!(
        tables::column(&world.sql, failures).await?,
        [
            said("build_events", file),
            said("cdevents", file),
            said("orders", file),
            said("orders", "the sender could not convert the record"),
            said("orders", "b\u{fffd}ad line"),
            said("readings", file),
        ]
    );
    for (topic, _) in converted() {
        let id = weir_store::event_id::EventId {
            topic: topic.to_owned(),
            partition: 0,
            offset: 0,
            stream: None,
        };
        let place = place_of(world.writer.store(), &id)
            .await?
            .ok_or_else(|| anyhow::anyhow!("no stream"))?;
        let again = retry::failure(&world.writer, place).await?;
        assert_eq!(
            again,
            Retried::Refused { class: "unreadable".to_owned(), message: file.to_owned() },
            "{topic}"
        );
        world
            .sql
            .execute(
                "UPDATE failures SET value = value || '\\x20' WHERE stream = $1 AND \"offset\" = 0",
                &[&place.stream],
            )
            .await?;
        let edited = retry::failure(&world.writer, place).await?;
        assert!(matches!(edited, Retried::Acknowledged | Retried::Skipped), "{topic}: {edited:?}");
        // The event is now in the log, and a replay ignores this header.
        assert_ne!(
            retry::event(&world.writer, place).await?,
            Retried::Refused { class: "unreadable".to_owned(), message: file.to_owned() }
        );
    }
    let replayed =
        replay::model(&world.writer, "readings", &Selection::default(), &|_, _| ()).await?;
    assert_eq!((replayed.events, replayed.refused), (1, 0));
    Ok(())
}
