//! Values that are not plain JSON: framed by a schema registry, or Avro.

use std::sync::Arc;

use weir_model::KafkaBatch;
use weir_plugin::avro::{AvroDecoder, AvroSchema, TopicSchema};
use weir_store::{Report, Writer, replay};
use weir_testkit::KafkaEvent;
use weir_tests::{
    BATCH_TIME, World,
    batches::{build, event, record},
    deliver, reading, tables,
};

const ID: [u8; 16] = *b"schema version 1";

fn confluent(body: &[u8]) -> Vec<u8> {
    [b"\0\0\0\0\x2a", body].concat()
}

fn glue(body: &[u8]) -> Vec<u8> {
    [b"\x03\0", &ID[..], body].concat()
}

/// Frames a body as Glue's serializer does with compression. One stored block is the simplest valid
/// zlib.
fn glue_zlib(body: &[u8]) -> anyhow::Result<Vec<u8>> {
    let length = u16::try_from(body.len())?;
    let (a, b) = body.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        ((a + u32::from(*byte)) % 65_521, (b + a + u32::from(*byte)) % 65_521)
    });
    let adler = ((b << 16) | a).to_be_bytes();
    Ok([
        b"\x03\x05",
        &ID[..],
        b"\x78\x01\x01",
        &length.to_le_bytes(),
        &(!length).to_le_bytes(),
        body,
        &adler,
    ]
    .concat())
}

/// Returns the payloads in the order of offsets, and whether `raw` is exactly the value.
async fn bodies(world: &World, values: &[Vec<u8>]) -> anyhow::Result<Vec<(String, bool)>> {
    let rows = world
        .sql
        .query("SELECT payload::text, raw, \"offset\" FROM events ORDER BY \"offset\"", &[])
        .await?;
    let of = |row: &tokio_postgres::Row| {
        let (payload, raw, offset): (Option<String>, Option<Vec<u8>>, i64) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        anyhow::Ok((
            payload.unwrap_or_default(),
            raw.as_ref() == values.get(usize::try_from(offset)?),
        ))
    };
    rows.iter().map(of).collect()
}

#[tokio::test]
async fn framed_json_is_unwrapped_and_kept_as_it_came() -> anyhow::Result<()> {
    let world = World::new().await?;
    let json = br#" {"n": 1}"#;
    let odd = br#"{"odd":"\u0000"}"#;
    let values = [confluent(json), glue(json), glue_zlib(json)?, confluent(odd)];
    let records = (0..).zip(&values).map(|(offset, value)| record("orders", 0, offset, value));
    assert_eq!(world.deliver(event(records.collect::<Vec<_>>())).await?.event_acknowledged, 4);
    let text = String::from_utf8(json.to_vec())?;
    assert_eq!(
        bodies(&world, &values).await?,
        [(text.clone(), true), (text.clone(), true), (text, true), (String::new(), true)]
    );
    Ok(())
}

#[tokio::test]
async fn framed_builds_and_readings_reach_their_projections() -> anyhow::Result<()> {
    let world = World::new().await?;
    let records = [
        record(
            "build_events",
            0,
            0,
            confluent(build(1, "ready", "2026-01-02T00:00:00Z", false).as_bytes()),
        ),
        record(
            "build_events",
            0,
            1,
            glue_zlib(build(2, "ready", "2026-01-02T00:00:00Z", false).as_bytes())?,
        ),
        record("readings", 0, 0, glue(reading("speed", 1.5, "2026-01-01T00:00:00Z").as_bytes())),
    ];
    assert_eq!(world.deliver(event(records)).await?.event_acknowledged, 3);
    let before =
        (tables::rows(&world.sql, "builds").await?, tables::rows(&world.sql, "readings").await?);
    assert_eq!((before.0.len(), before.1.len()), (2, 1));
    for model in ["builds", "readings"] {
        assert_eq!(
            replay::model(&world.writer, model, &replay::Selection::default(), &|_, _| ())
                .await?
                .refused,
            0
        );
    }
    assert_eq!(
        (tables::rows(&world.sql, "builds").await?, tables::rows(&world.sql, "readings").await?),
        before
    );
    Ok(())
}

const FAILURES: &str = "SELECT error_class || ': ' || error_message || coalesce(' / ' || value_schema, '') FROM failures ORDER BY \"offset\"";

#[tokio::test]
async fn framed_avro_without_a_decoder_is_a_failure_that_says_so() -> anyhow::Result<()> {
    let world = World::new().await?;
    let mut broken = glue_zlib(b"{}")?;
    broken.truncate(25);
    let values = [
        confluent(b"\x06abc\x02"),
        glue(b"\x06abc\x02"),
        confluent(b""),
        broken,
        confluent(b"{no JSON"),
    ];
    let records = (0..)
        .zip(&values)
        .map(|(offset, value)| record("orders", 0, offset, value))
        .collect::<Vec<_>>();
    assert_eq!(world.deliver(event(records)).await?.event_failed, 5);
    let got = tables::column(&world.sql, FAILURES).await?;
    assert_eq!(
        got[0],
        "no_decoder: the value is Avro or Protobuf (Confluent's frame, schema 42), but the topic has no decoder"
    );
    assert_eq!(
        got[1],
        "no_decoder: the value is Avro or Protobuf (Glue's frame, schema version 73636865-6d61-2076-6572-73696f6e2031), but the topic has no decoder"
    );
    assert!(
        got[2].starts_with("no_decoder: ")
            && got[3].starts_with("bad_frame: ")
            && got[4].starts_with("invalid_json: "),
        "{got:#?}"
    );
    let kept: Vec<Vec<u8>> = world
        .sql
        .query("SELECT value FROM failures ORDER BY \"offset\"", &[])
        .await?
        .iter()
        .map(|r| r.get(0))
        .collect();
    assert_eq!(kept, values);
    Ok(())
}

/// Delivers orders with the schema metadata that the mapping adds from its registry.
pub(crate) async fn with_schema(
    writer: &Writer,
    batch: &KafkaEvent,
    format: &str,
) -> anyhow::Result<Report> {
    let mut json = batch.to_json();
    json["records"]["orders-0"][0]["valueSchemaMetadata"] =
        serde_json::json!({"dataFormat": format, "schemaId": "17"});
    Ok(writer.write(&KafkaBatch::parse(json.to_string().as_bytes())?, BATCH_TIME).await?)
}

#[tokio::test]
async fn what_the_mappings_registry_says_is_believed_and_kept() -> anyhow::Result<()> {
    let world = World::new().await?;
    for (offset, format, value) in [
        (0, "AVRO", "\x06abc\x02"),
        (1, "PROTOBUF", "\x0a\x03abc"),
        (2, "JSON", "{}"),
        (3, "AVRO", r#"{"in":"JSON"}"#),
        (4, "JSON", "\x06"),
    ] {
        with_schema(&world.writer, &event([record("orders", 0, offset, value)]), format).await?;
    }
    let got = tables::column(&world.sql, FAILURES).await?;
    assert_eq!(
        got[0],
        "no_decoder: the value is Avro (schema 17), but the topic has no decoder / AVRO 17"
    );
    assert_eq!(
        got[1],
        "no_decoder: the value is Protobuf (schema 17), but the topic has no decoder / PROTOBUF 17"
    );
    assert!(got[2].starts_with("invalid_json: ") && got[2].ends_with(" / JSON 17"), "{got:?}");
    assert_eq!(
        tables::column(&world.sql, "SELECT payload::text FROM events ORDER BY \"offset\"").await?,
        ["{}", r#"{"in":"JSON"}"#]
    );
    Ok(())
}

const SCHEMA: &str = r#"{"type":"record","name":"Reading","fields":[
    {"name":"sensor","type":"string"}, {"name":"value","type":"double"},
    {"name":"timestamp","type":{"type":"long","logicalType":"timestamp-millis"}},
    {"name":"note","type":["null","string"]}, {"name":"tags","type":{"type":"array","items":"int"}}, {"name":"mark","type":"bytes"}]}"#;

/// Encodes an integer as Avro does: zigzag, seven bits per byte, the lowest bits first.
fn long(n: i64) -> Vec<u8> {
    let mut rest = ((n << 1) ^ (n >> 63)).cast_unsigned();
    let mut bytes = Vec::new();
    loop {
        let [low, ..] = rest.to_le_bytes();
        rest >>= 7;
        if rest == 0 {
            bytes.push(low & 0x7f);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn text(text: &[u8]) -> Vec<u8> {
    [long(text.len().cast_signed() as i64), text.to_vec()].concat()
}

pub(crate) fn avro(sensor: &str, value: f64, timestamp_ms: i64) -> Vec<u8> {
    let note = [long(1), text("windy".as_bytes())].concat();
    let tags = [long(2), long(-7), long(300), long(0)].concat();
    [
        text(sensor.as_bytes()),
        value.to_le_bytes().to_vec(),
        long(timestamp_ms),
        note,
        tags,
        text(b"\xff\0"),
    ]
    .concat()
}

pub(crate) fn decoding(world: &World) -> anyhow::Result<(Writer, tempfile::TempDir)> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("reading.avsc");
    std::fs::write(&file, SCHEMA)?;
    let topic: TopicSchema =
        format!("readings={}", file.display()).parse().map_err(anyhow::Error::msg)?;
    let decoder = AvroDecoder::new(&[AvroSchema {
        schema: topic.read().map_err(anyhow::Error::msg)?,
        topic: topic.topic,
    }])
    .map_err(anyhow::Error::msg)?;
    Ok((world.writer.clone().with_decoders(vec![Arc::new(decoder)]), folder))
}

#[tokio::test]
async fn avro_is_decoded_with_the_topics_schema() -> anyhow::Result<()> {
    let world = World::new().await?;
    let (writer, _folder) = decoding(&world)?;
    let values = [
        avro("speed", 1.5, 1_767_225_600_000),
        confluent(&avro("fuel", -0.25, 1_767_225_600_001)),
        glue_zlib(&avro("depth", 1e300, -1))?,
    ];
    let records = (0..)
        .zip(&values)
        .map(|(offset, value)| record("readings", 0, offset, value))
        .collect::<Vec<_>>();
    assert_eq!(deliver(&writer, event(records)).await?.event_acknowledged, 3);
    let got = bodies(&world, &values).await?;
    let wanted = serde_json::json!({"sensor": "speed", "value": 1.5, "timestamp": "2026-01-01T00:00:00.000Z", "note": "windy", "tags": [-7, 300], "mark": "/wA="});
    assert_eq!(serde_json::from_str::<serde_json::Value>(&got[0].0)?, wanted);
    assert!(got.iter().all(|(_, exact)| *exact), "raw is not what came: {got:?}");
    let rows = "SELECT sensor || ' ' || value || ' ' || (\"timestamp\" AT TIME ZONE 'UTC') FROM readings ORDER BY \"offset\"";
    let rows = tables::column(&world.sql, rows).await?;
    assert_eq!(
        rows,
        [
            "speed 1.5 2026-01-01 00:00:00",
            "fuel -0.25 2026-01-01 00:00:00.001",
            "depth 1e+300 1969-12-31 23:59:59.999"
        ]
    );
    let before = tables::rows(&world.sql, "readings").await?;
    let done =
        replay::model(&writer, "readings", &replay::Selection::default(), &|_, _| ()).await?;
    assert_eq!((done.events, done.refused), (3, 0));
    assert_eq!(tables::rows(&world.sql, "readings").await?, before);
    Ok(())
}

#[tokio::test]
async fn what_the_schema_does_not_fit_is_a_failure() -> anyhow::Result<()> {
    let world = World::new().await?;
    let (writer, _folder) = decoding(&world)?;
    let good = avro("speed", 1.5, 0);
    let wrong = [
        good[..good.len() - 1].to_vec(),
        [&good[..], b"x"].concat(),
        b"".to_vec(),
        b"{\"sensor\":1}".to_vec(),
        long(i64::MAX),
        avro("NO SENSOR", 1.5, 0),
        avro("nan", f64::NAN, 0),
    ];
    let records = (0..).zip(&wrong).map(|(offset, value)| record("readings", 0, offset, value));
    let report = deliver(
        &writer,
        event(records.chain([record("readings", 0, 7, &good)]).collect::<Vec<_>>()),
    )
    .await?;
    assert_eq!((report.event_acknowledged, report.event_failed), (1, 7));
    let got = tables::column(
        &world.sql,
        "SELECT error_class || ': ' || error_message FROM failures ORDER BY \"offset\"",
    )
    .await?;
    assert!(
        got[1].starts_with("decoder: decoder avro: 1 bytes remain after the Avro value"),
        "{got:#?}"
    );
    assert!(got[5].starts_with("invalid_reading: sensor \"NO SENSOR\""), "{got:#?}");
    assert!(
        [0, 2, 3, 4, 6]
            .iter()
            .all(|n| got[*n].starts_with("decoder: decoder avro: ") && got[*n].len() < 300),
        "{got:#?}"
    );
    Ok(())
}
