//! Tests the result of each odd record of the issue's list, for each model.

use serde_json::{Value, json};
use weir_model::{KafkaBatch, Micros, Outcome, Record, json_text::refused_by_jsonb};

use crate::{
    builds_columns::message,
    support::{base64, batch, outcome, rows},
};

const MODELS: [&str; 3] = ["events", "builds", "readings"];

/// The result for a record.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    /// An event with a payload that jsonb accepts.
    Stored,
    /// An event that is stored as raw bytes, because jsonb would refuse it.
    Raw,
    /// A skipped record.
    Skipped,
    /// A failure with this class.
    Failed(&'static str),
}
use Fate::{Failed, Raw, Skipped, Stored};

/// Returns a good value of a model, with the given JSON in a member that no column stores.
fn value(model: &str, odd: &str) -> String {
    match model {
        "builds" => message(&json!({"note": "HERE"})),
        _ => json!({"sensor": "speed", "value": 1, "timestamp": "2020-01-01T00:00:00Z", "note": "HERE"}).to_string(),
    }
    .replace("\"HERE\"", odd)
}

fn fate(model: &str, batch: &'static KafkaBatch) -> Fate {
    // Ingest knows the time of arrival, so the record has one here.
    let record = Record { arrived_at: Some(Micros(0)), ..batch.record(0) };
    match outcome(rows(model).as_mut(), &record) {
        Outcome::Event(_) => {
            let text = std::str::from_utf8(record.value.expect("an event has a value"))
                .expect("it was decoded");
            if refused_by_jsonb(text) { Raw } else { Stored }
        }
        Outcome::Skip(_) => Skipped,
        Outcome::Reject(r) => {
            assert!(!r.message.is_empty() && !r.message.contains(['\0', '\n']), "{}", r.message);
            Failed(r.class)
        }
    }
}

fn fate_of_record(model: &str, change: impl Fn(&mut Value)) -> Fate {
    let mut record = json!({"topic": "topic", "partition": 0, "offset": 1, "timestamp": 1_700_000_000_123_i64, "key": base64("k"),
        "value": base64(value(model, "1")), "headers": []});
    change(&mut record);
    fate(model, Box::leak(Box::new(batch(&[record]))))
}

fn fate_of_value(model: &str, value: impl AsRef<[u8]>) -> Fate {
    fate_of_record(model, |record| record["value"] = json!(base64(value.as_ref())))
}

#[test]
fn odd_json_in_an_unread_member() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for (odd, expected) in [
        (r#""\u0000""#, Raw),
        (r#""\ud800""#, Raw),
        (r#"{"\u0000":1}"#, Raw),
        ("1e400", Stored),
        ("1e200000", Raw),
        (r#""+294277-01-01T00:00:00Z""#, Stored),
        (&deep, Raw),
        (r#""no-uuid""#, Stored),
        ("\"\u{7f}\u{80}\u{fffe}\"", Stored),
    ] {
        for model in MODELS {
            assert_eq!(
                fate_of_value(model, value(model, odd)),
                expected,
                "{model}: {}",
                &odd[..odd.len().min(40)]
            );
        }
    }
}

#[test]
fn odd_json_where_a_column_keeps_it() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let build =
        |member: &str, odd: &str| message(&json!({member: "HERE"})).replace("\"HERE\"", odd);
    let reading = |member: &str, odd: &str| {
        value("readings", "1")
            .replace(&format!("\"{member}\":"), &format!("\"{member}\":{odd},\"old_{member}\":"))
    };
    for (model, value, expected) in [
        ("builds", build("status", r#""\u0000""#), Failed("invalid_build")),
        ("builds", build("status", r#""\ud800""#), Failed("invalid_build")),
        ("builds", build("status", "1e400"), Stored),
        ("builds", build("status", &deep), Raw),
        ("builds", build("config", r#""\u0000""#), Failed("invalid_build")),
        ("builds", build("config", r#""\ud800""#), Failed("invalid_build")),
        ("builds", build("config", "1e400"), Stored),
        ("builds", build("config", &deep), Failed("invalid_build")),
        ("builds", build("updatedAt", r#""+294277-01-01T00:00:00Z""#), Failed("invalid_build")),
        ("builds", build("reapedReason", "1e400"), Failed("invalid_build")),
        ("builds", build("id", r#""not-a-uuid""#), Failed("invalid_build")),
        ("builds", build("projectId", r#""not-a-uuid""#), Failed("invalid_build")),
        ("readings", reading("sensor", r#""\u0000""#), Failed("invalid_reading")),
        ("readings", reading("sensor", r#""\ud800""#), Failed("invalid_reading")),
        (
            "readings",
            reading("sensor", r#""2f1c9d1e-0000-4000-8000-000000000000""#),
            Failed("invalid_reading"),
        ),
        ("readings", reading("value", "1e400"), Failed("invalid_reading")),
        ("readings", reading("value", &deep), Failed("invalid_reading")),
        (
            "readings",
            reading("timestamp", r#""+294277-01-01T00:00:00Z""#),
            Failed("invalid_reading"),
        ),
        ("readings", reading("timestamp", "-99999999999"), Failed("invalid_reading")),
        ("events", r#""\u0000""#.to_owned(), Raw),
        ("events", "1e400".to_owned(), Stored),
        ("events", deep.clone(), Raw),
        ("builds", deep.clone(), Skipped),
        ("readings", deep.clone(), Failed("invalid_reading")),
    ] {
        assert_eq!(
            fate_of_value(model, &value),
            expected,
            "{model}: {}",
            &value[..value.len().min(200)]
        );
    }
}

#[test]
fn odd_values() {
    let four_megabytes = format!("\"{}\"", "x".repeat(4 << 20));
    for model in MODELS {
        assert_eq!(fate_of_value(model, value(model, &four_megabytes)), Stored, "{model}: 4 MB");
        assert_eq!(
            fate_of_value(model, b"{\"a\":\"\xff\xfe\"}"),
            Failed("invalid_utf8"),
            "{model}: bad UTF-8"
        );
        assert_eq!(
            fate_of_value(model, b"\xed\xa0\x80"),
            Failed("invalid_utf8"),
            "{model}: a surrogate as bytes"
        );
        let class = if model == "readings" { "invalid_reading" } else { "invalid_json" };
        assert_eq!(fate_of_value(model, ""), Failed(class), "{model}: empty");
        assert_eq!(fate_of_value(model, "\u{feff}{}"), Failed(class), "{model}: byte order mark");
        assert_eq!(fate_of_value(model, "{\"a\":\"\0\"}"), Failed(class), "{model}: a bare NUL");
        assert_eq!(
            fate_of_value(model, b"\0\0\0\0\x01\x02"),
            Failed("no_decoder"),
            "{model}: framed"
        );
    }
}

#[test]
fn odd_records() {
    for model in MODELS {
        let of = |name: &'static str, value: Value| {
            fate_of_record(model, move |record| record[name] = value.clone())
        };
        assert_eq!(of("value", json!(null)), Skipped, "{model}: null value");
        assert_eq!(of("key", json!(null)), Stored, "{model}: null key");
        assert_eq!(of("headers", json!([{}])), Stored, "{model}: header {{}}");
        assert_eq!(
            of("headers", json!([{"\u{0}": [0]}, {"ce_time": [0]}, {"ce_id": [-1]}])),
            Stored,
            "{model}: odd headers"
        );
        assert_eq!(of("timestamp", json!(-1)), Stored, "{model}: negative timestamp");
        assert_eq!(
            of("timestamp", json!(i64::MIN)),
            if model == "builds" { Failed("invalid_build") } else { Stored },
            "{model}: no time at all"
        );
        assert_eq!(
            of("value", json!("***")),
            Failed("bad_base64"),
            "{model}: bad base64 in the value"
        );
        assert_eq!(of("key", json!("***")), Failed("bad_base64"), "{model}: bad base64 in the key");
    }
}

/// A member's name that is not valid text. The generic model stores the value. The two models with
/// named members cannot compare the name and reject the record.
#[test]
fn a_lone_surrogate_in_a_name() {
    let with = |model| value(model, "1").replace("\"note\"", r#""\ud800""#);
    assert_eq!(fate_of_value("events", with("events")), Raw);
    assert_eq!(fate_of_value("builds", with("builds")), Failed("invalid_build"));
    assert_eq!(fate_of_value("readings", with("readings")), Failed("invalid_reading"));
}
