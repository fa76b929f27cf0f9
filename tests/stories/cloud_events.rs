//! The entity, time, type and version of an event, from `CloudEvents` headers and from a topic's
//! pointers.

use weir_model::TopicsConfig;
use weir_testkit::Record;
use weir_tests::{
    World,
    batches::{event, record},
    deliver, tables, topics_config,
};

/// Selects entity, time, type and version in the order of offsets, with "-" for NULL.
const FIELDS: &str =
    "SELECT coalesce(entity_id, '-') || ' | ' || coalesce(to_char(event_time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), '-')
    || ' | ' || coalesce(event_type, '-') || ' | ' || coalesce(event_version, '-') FROM events ORDER BY \"offset\"";

/// Headers and value of an order.
type Order<'o> = (&'o [(&'o str, &'o [u8])], &'o str);

/// Delivers orders with these headers and values. Returns the selected fields of each.
async fn fields(config: &TopicsConfig, orders: &[Order<'_>]) -> anyhow::Result<Vec<String>> {
    let world = World::new().await?;
    let records = (0..).zip(orders).map(|(offset, (headers, value))| {
        let headers = headers
            .iter()
            .map(|(name, bytes)| ((*name).to_owned(), Some(bytes.to_vec())))
            .collect();
        Record {
            headers: Some(headers),
            timestamp: 1_767_323_045_678,
            ..record("orders", 0, offset, *value)
        }
    });
    let report = deliver(&world.writer_with(config)?, event(records)).await?;
    assert_eq!(report.event_acknowledged, orders.len());
    tables::column(&world.sql, FIELDS).await
}

const ARRIVED: &str = "2026-01-02 03:04:05.678000";

#[tokio::test]
async fn headers_say_what_an_event_is() -> anyhow::Result<()> {
    let whole: &[(&str, &[u8])] = &[
        ("ce_specversion", b"1.0"),
        ("ce_id", b"A-1"),
        ("ce_source", b"/shop"),
        ("ce_type", b"placed"),
        ("ce_time", b"2025-05-05T05:05:05.123456Z"),
    ];
    let got = fields(
        &topics_config()?,
        &[
            (whole, "{}"),
            (&[("ce_source", b"/shop"), ("ce_type", b"placed")], "{}"),
            (&[("CE_ID", b"A-2"), ("Ce_Type", b"moved")], "{}"),
            (&[("ce_id", b"first"), ("ce_id", b"last")], "{}"),
            (&[("ce_time", b"yesterday"), ("ce_type", b"placed")], "{}"),
            (
                &[("ce_time", b"294277-01-01T00:00:00Z"), ("ce_id", b"\xff"), ("ce_type", b"a\0b")],
                "{}",
            ),
            (&[("ce_id", b""), ("ce_source", b"/shop")], "{}"),
            (&[("traceparent", b"00-1-1-00")], r#"{"id":"not asked for"}"#),
            (&[], "{}"),
        ],
    )
    .await?;
    let wanted = [
        "A-1 | 2025-05-05 05:05:05.123456 | placed | -".to_owned(),
        format!("/shop | {ARRIVED} | placed | -"),
        format!("A-2 | {ARRIVED} | moved | -"),
        format!("last | {ARRIVED} | - | -"),
        format!("- | {ARRIVED} | placed | -"),
        format!("- | {ARRIVED} | - | -"),
        format!("/shop | {ARRIVED} | - | -"),
        format!("- | {ARRIVED} | - | -"),
        format!("- | {ARRIVED} | - | -"),
    ];
    assert_eq!(got, wanted);
    Ok(())
}

#[tokio::test]
async fn pointers_say_it_before_headers() -> anyhow::Result<()> {
    let fields_of =
        "orders=entity_id:/order/id,event_time:/at,event_type:/kinds/0,event_version:/v~1ersion";
    let config = TopicsConfig { event_fields: vec![fields_of.parse()?], ..topics_config()? };
    let headers: &[(&str, &[u8])] =
        &[("ce_id", b"header"), ("ce_type", b"header"), ("ce_time", b"2025-05-05T05:05:05Z")];
    let got = fields(
        &config,
        &[
            (headers, r#"{"order":{"id":"A-1"},"at":"2024-04-04T04:04:04.5+02:00","kinds":["placed","paid"],"v/ersion":"2.1"}"#),
            (headers, r#"{"order":{"id":17},"at":1700000000123,"kinds":[true],"v/ersion":3}"#),
            (headers, r#"{"order":{"id":null},"at":"soon","kinds":[],"v/ersion":{}}"#),
            (headers, r#"{"order":"A-1","at":1e300,"kinds":"placed"}"#),
            (headers, r#"{"order":{"id":"\u0000"},"at":"+294277-01-01T00:00:00Z","kinds":["\ud800"]}"#),
            (headers, r#"{"order":{"id":"grüße \ud83d\ude00"},"at":-1,"kinds":[""]}"#),
            (headers, "[1,2,3]"),
            (headers, "7"),
        ],
    )
    .await?;
    let wanted = [
        "A-1 | 2024-04-04 02:04:04.500000 | placed | 2.1".to_owned(),
        "17 | 2023-11-14 22:13:20.123000 | true | 3".to_owned(),
        format!("- | {ARRIVED} | - | -"),
        format!("- | {ARRIVED} | - | -"),
        format!("- | {ARRIVED} | - | -"),
        "grüße 😀 | 1969-12-31 23:59:59.000000 |  | -".to_owned(),
        format!("- | {ARRIVED} | - | -"),
        format!("- | {ARRIVED} | - | -"),
    ];
    assert_eq!(got, wanted);
    Ok(())
}

#[tokio::test]
async fn a_topic_that_points_at_one_field_takes_the_others_from_headers() -> anyhow::Result<()> {
    let config =
        TopicsConfig { event_fields: vec!["orders=event_type:/kind".parse()?], ..topics_config()? };
    let headers: &[(&str, &[u8])] =
        &[("ce_id", b"A-1"), ("ce_type", b"header"), ("ce_time", b"2025-05-05T05:05:05Z")];
    let got = fields(&config, &[(headers, r#"{"kind":"paid"}"#), (headers, "{}")]).await?;
    assert_eq!(
        got,
        ["A-1 | 2025-05-05 05:05:05.000000 | paid | -", "A-1 | 2025-05-05 05:05:05.000000 | - | -"]
    );
    Ok(())
}

#[tokio::test]
async fn headers_come_back_as_they_came() -> anyhow::Result<()> {
    let world = World::new().await?;
    let headers = [
        ("plain", Some(b"text".to_vec())),
        ("plain", Some(b"again".to_vec())),
        ("bytes", Some(vec![0xff, 0x00, 0x80])),
        ("zero", Some(b"a\0b".to_vec())),
        ("z\0ro", Some(b"in the name".to_vec())),
        ("", Some(b"no name".to_vec())),
        ("empty", Some(Vec::new())),
        ("grüße \"'\\", Some("ü\n".into())),
        ("lost", None),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let batch =
        || event([Record { headers: Some(headers.clone()), ..record("orders", 0, 0, "{}") }]);
    world.deliver(batch()).await?;
    let stored = tables::column(&world.sql, "SELECT headers::text FROM events").await?;
    let read = weir_store::headers::OwnedHeaders::from_json(&stored[0]);
    let got: Vec<(String, Option<Vec<u8>>)> =
        read.view().0.iter().map(|h| (h.name.to_owned(), h.value.map(<[u8]>::to_vec))).collect();
    world.sql.query("SELECT headers::jsonb FROM events", &[]).await?;
    // Lambda loses the name of a header without a value. Only the checksum includes it.
    assert_eq!(got, headers[..8]);
    assert_eq!(world.deliver(batch()).await?.event_already_consumed, 1);
    Ok(())
}
