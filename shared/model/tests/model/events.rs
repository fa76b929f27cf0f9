//! Tests the generic model: pointers, CloudEvents headers, and any valid JSON.

use weir_model::{Event, Header, Headers, Micros, Outcome, models};

use crate::support::{
    RECORD_TIMESTAMP_MS, decode, is_event, known, outcome, record, rejection, rows_with,
};

const HEADERS: [(&str, &[u8]); 4] = [
    ("ce_id", b"7"),
    ("ce_source", b"/ship"),
    ("ce_type", b"sailed"),
    ("ce_time", b"2020-01-02T03:04:05Z"),
];

fn event(
    fields: &[&str],
    headers: &[(&'static str, &'static [u8])],
    value: &'static str,
) -> Event<'static> {
    let mut record = record("topic", Some(value.as_bytes()));
    record.headers =
        Headers(headers.iter().map(|&(name, value)| Header { name, value: Some(value) }).collect());
    match outcome(rows_with("events", fields).as_mut(), &record) {
        Outcome::Event(event) => event,
        other => panic!("{other:?}"),
    }
}

fn fallback() -> Option<Micros> {
    Micros::from_millis(RECORD_TIMESTAMP_MS)
}

#[test]
fn pointers_name_entity_time_type_and_version() {
    let fields = ["topic=entity_id:/who/id,event_time:/at,event_type:/kind,event_version:/v/0"];
    let event = event(
        &fields,
        &[],
        r#"{"who":{"id":42},"at":"2020-01-02T03:04:05.678+01:00","kind":"sa\u0069led","v":[true]}"#,
    );
    assert_eq!(event.entity_id.as_deref(), Some("42"));
    assert_eq!(event.event_time, Some(Micros(1_577_930_645_678_000)));
    assert_eq!(
        (event.event_type.as_deref(), event.event_version.as_deref(), event.row),
        (Some("sailed"), Some("true"), None)
    );
}

#[test]
fn a_time_may_be_a_number_and_falls_back_to_the_record() {
    let fields = ["topic=event_time:/at"];
    for value in [
        r#"{"at":1577934245678}"#,
        r#"{"at":"1577934245678"}"#,
        r#"{"at":"2020-01-02T03:04:05.678Z"}"#,
    ] {
        assert_eq!(
            event(&fields, &[], value).event_time,
            Some(Micros(1_577_934_245_678_000)),
            "{value}"
        );
    }
    for value in [
        "{}",
        r#"{"at":null}"#,
        r#"{"at":"+294277-01-01T00:00:00Z"}"#,
        r#"{"at":-99999999999}"#,
        r#"{"at":[]}"#,
        r#"{"at":"soon"}"#,
        "[]",
        "1",
    ] {
        assert_eq!(
            event(&fields, &HEADERS, value).event_time,
            fallback(),
            "{value}: no header takes the place of a pointer"
        );
    }
}

#[test]
fn what_text_cannot_hold_is_none() {
    let fields = ["topic=entity_id:/id,event_type:/kind"];
    for value in [
        r#"{"id":"a\u0000","kind":null}"#,
        r#"{"id":"\ud800","kind":{}}"#,
        r#"{"id":[],"kind":"\udc00\ud800"}"#,
        "null",
    ] {
        let event = event(&fields, &HEADERS, value);
        assert_eq!((event.entity_id, event.event_type), (None, None), "{value}");
    }
}

#[test]
fn cloud_events_headers_fill_in_where_no_pointer_is_given() {
    let all = event(&[], &HEADERS, "{}");
    assert_eq!(
        (all.entity_id.as_deref(), all.event_type.as_deref(), all.event_version),
        (Some("7"), Some("sailed"), None)
    );
    assert_eq!(all.event_time, Micros::from_rfc3339("2020-01-02T03:04:05Z"));

    let some = event(&["topic=entity_id:/id"], &HEADERS, r#"{"id":"mine"}"#);
    assert_eq!(
        (some.entity_id.as_deref(), some.event_type.as_deref()),
        (Some("mine"), Some("sailed"))
    );

    let source_only = event(&[], &HEADERS[1..2], "{}");
    assert_eq!(
        (source_only.entity_id.as_deref(), source_only.event_type, source_only.event_time),
        (Some("/ship"), None, fallback())
    );
}

#[test]
fn cloud_events_headers_that_are_broken_count_as_missing() {
    let broken: [(&str, &[u8]); 4] =
        [("ce_id", b"a\0b"), ("ce_source", b"\xff"), ("ce_type", b""), ("ce_time", b"yesterday")];
    let event = event(&[], &broken, "{}");
    assert_eq!((event.entity_id, event.event_type, event.event_time), (None, None, fallback()));
}

#[test]
fn any_json_is_an_event_and_nothing_else() {
    for value in [
        "{}",
        "[]",
        "null",
        "0",
        "-1.5e-3",
        r#""x""#,
        " true ",
        r#"{"a":1,"a":2}"#,
        r#"{"\u0000":"\ud800"}"#,
        "1e400",
        "1e999999",
    ] {
        assert!(is_event(&decode("events", value)), "{value}");
    }
    for value in [
        "",
        " ",
        "{",
        "{}{}",
        "01",
        "1.",
        "nul",
        "'a'",
        "{\"a\":1,}",
        "\"\u{1}\"",
        "{\"\u{1}\":1}",
        r#""\x""#,
        r#""\u12""#,
        "\u{feff}{}",
        "NaN",
        "\u{0}",
    ] {
        let message = rejection(&decode("events", value));
        assert!(message.starts_with("invalid_json: "), "{value:?}: {message}");
    }
}

#[test]
fn a_record_with_a_time_out_of_range_has_no_time() {
    for (timestamp_ms, expected) in [
        // -1 is Kafka's number for no timestamp, not an instant of 1969.
        (-1, None),
        (-2, Some(Micros(-2000))),
        (0, Some(Micros(0))),
        (253_402_300_799_999, Micros::from_rfc3339("9999-12-31T23:59:59.999Z")),
        (253_402_300_800_000, None),
        (i64::MAX, None),
        (i64::MIN, None),
    ] {
        let mut record = record("topic", Some(b"{}"));
        record.timestamp_ms = timestamp_ms;
        let Outcome::Event(event) = outcome(rows_with("events", &[]).as_mut(), &record) else {
            panic!("no event")
        };
        assert_eq!(event.event_time, expected, "{timestamp_ms}");
    }
}

#[test]
fn what_cannot_be_read_or_was_guessed_is_marked() {
    let fields = ["topic=entity_id:/id,event_time:/at,event_type:/kind"];
    for (value, problems) in [
        ("{}", None),
        (r#"{"id":null,"at":null}"#, None),
        (r#"{"id":7,"at":"2020-01-01 00:00:00+0000"}"#, None),
        (r#"{"at":"2020-01-01T00:00:00"}"#, Some("event_time has no time zone, UTC is assumed")),
        (
            r#"{"at":"soon"}"#,
            Some(r#"event_time at /at is not a time: "soon", the record's timestamp is used"#),
        ),
        (
            r#"{"at":{}}"#,
            Some(r#"event_time at /at is not a time: "{}", the record's timestamp is used"#),
        ),
        (
            r#"{"id":[],"kind":"a\u0000"}"#,
            Some(
                r#"entity_id at /id is not a text: "[]"; event_type at /kind is not a text: "\"a\\u0000\"""#,
            ),
        ),
    ] {
        assert_eq!(event(&fields, &[], value).problems.as_deref(), problems, "{value}");
    }
    let by_header = event(&[], &[("ce_time", b"yesterday")], "{}");
    assert_eq!(
        by_header.problems.as_deref(),
        Some("ce_time \"yesterday\" is not a time, the record's timestamp is used")
    );
    assert_eq!(
        event(&[], &[("ce_time", b"2020-01-01T00:00:00")], "{}").problems.as_deref(),
        Some("event_time has no time zone, UTC is assumed")
    );
}

#[test]
fn a_rejection_keeps_what_could_be_read() {
    let fields = ["topic=entity_id:/id,event_time:/at,event_version:/v"];
    let mut record = record("topic", Some(br#"{"id":"o-1","at":1577934245,"v":2,"#));
    record.headers =
        Headers(HEADERS.iter().map(|&(name, value)| Header { name, value: Some(value) }).collect());
    let cut = outcome(rows_with("events", &fields).as_mut(), &record);
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        known(&cut),
        [some("o-1"), some("2020-01-02T03:04:05.000Z"), some("sailed"), some("2")]
    );
}

#[test]
fn the_log_is_all_it_keeps() {
    let models = models::builtin();
    let model = models.get("events").unwrap();
    assert!(model.clear().is_none() && model.migrations().is_empty());
    assert!(model.samples(Micros(0)).iter().all(|s| is_event(&decode("events", &s.value))));
    let rows = rows_with("events", &[]);
    assert!(rows.upsert(&[]).is_empty() && rows.days(&[]).is_empty());
}
