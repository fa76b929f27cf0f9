//! Tests every row of the contract's table: the column of each member, and members of odd types.

use postgres_types::FromSqlOwned;
use serde_json::{Value, json};
use uuid::Uuid;
use weir_model::{Micros, Outcome, models};

use crate::support::{
    RECORD_TIMESTAMP_MS, chosen, decode, is_event, known, outcome, param, record, rejection, rows,
};

pub(crate) const ID: &str = "5a3b9c00-0000-4000-8000-000000000001";
const PROJECT: &str = "0e3c1f6a-2f50-4a86-9d5c-7b9c1a4f2d10";

/// Returns a message with a build that has the given members and the two required ones.
pub(crate) fn message(members: &Value) -> String {
    let mut build = json!({"id": ID, "projectId": PROJECT});
    for (name, value) in members.as_object().expect("an object") {
        build[name] = value.clone();
    }
    json!({"version": 1, "data": {"topic": "build_events", "event": "ready", "data": {}, "build": build}}).to_string()
}

/// Returns one column (by its parameter's number) of the build in a message.
fn column<T: FromSqlOwned>(message: &str, number: usize) -> T {
    let mut rows = rows("builds");
    let value: &'static str = Box::leak(message.to_owned().into_boxed_str());
    let outcome = outcome(rows.as_mut(), &record("topic", Some(value.as_bytes())));
    assert!(is_event(&outcome), "{message}: {outcome:?}");
    let statements = rows.upsert(&[chosen(0, 0, 0, 0)]);
    param(&statements[0], number).pop().expect("one row")
}

fn text(members: &Value, number: usize) -> Option<String> {
    column(&message(members), number)
}

fn record_time() -> Micros {
    Micros::from_millis(RECORD_TIMESTAMP_MS).expect("in range")
}

#[test]
fn identity_is_two_uuids_in_any_case() {
    let upper = ID.to_uppercase();
    assert_eq!(column::<Uuid>(&message(&json!({"id": upper})), 1), Uuid::parse_str(ID).unwrap());
    assert_eq!(column::<Uuid>(&message(&json!({})), 2), Uuid::parse_str(PROJECT).unwrap());
    for (members, expected) in [
        (json!({"id": null}), "id is missing"),
        (json!({"id": ""}), "id is missing"),
        (json!({"projectId": null}), "projectId is missing"),
        (json!({"id": "zzz"}), "id is not a UUID: \"\\\"zzz\\\"\""),
        (json!({"id": 7}), "id is not a UUID: \"7\""),
        (json!({"projectId": {}}), "projectId is not a UUID"),
        (json!({"requestId": "nope"}), "requestId is not a UUID"),
    ] {
        let message = rejection(&decode("builds", &message(&members)));
        assert!(message.starts_with("invalid_build: ") && message.contains(expected), "{message}");
    }
    assert_eq!(
        column::<Option<Uuid>>(&message(&json!({"requestId": ID})), 3),
        Uuid::parse_str(ID).ok()
    );
    for none in [json!({}), json!({"requestId": null}), json!({"requestId": ""})] {
        assert_eq!(column::<Option<Uuid>>(&message(&none), 3), None);
    }
}

#[test]
fn nested_texts_are_kept_and_may_be_missing() {
    let places = [
        (4, "branch", "name"),
        (5, "branch", "htmlUrl"),
        (6, "commit", "ref"),
        (7, "commit", "htmlUrl"),
        (8, "pullRequest", "name"),
        (9, "pullRequest", "number"),
        (10, "pullRequest", "description"),
        (11, "pullRequest", "htmlUrl"),
    ];
    for (number, part, name) in places {
        assert_eq!(
            text(&json!({part: {name: "x é"}}), number).as_deref(),
            Some("x é"),
            "{part}.{name}"
        );
        assert_eq!(text(&json!({part: {name: ""}}), number).as_deref(), Some(""));
        assert_eq!(
            text(&json!({part: {name: 7}}), number).as_deref(),
            Some("7"),
            "a number becomes text"
        );
        for none in [
            json!({}),
            json!({part: null}),
            json!({part: {}}),
            json!({part: {name: null}}),
            json!({part: "text"}),
            json!({part: ["x"]}),
        ] {
            assert_eq!(text(&none, number), None, "{none}");
        }
        let refused = rejection(&decode("builds", &message(&json!({part: {name: "a\u{0}"}}))));
        assert!(refused.contains(&format!("{part}.{name} contains \\u0000")), "{refused}");
    }
}

#[test]
fn disk_space_is_whole_bytes_or_nothing() {
    for (number, name) in [(12, "realBytes"), (13, "virtualBytes")] {
        for (value, expected) in [
            (json!(13_462_483), 13_462_483),
            (json!("42"), 42),
            (json!(5.0), 5),
            (json!(1e3), 1000),
            (json!(i64::MAX), i64::MAX),
            (json!(null), 0),
            (json!(""), 0),
        ] {
            assert_eq!(
                column::<i64>(&message(&json!({"diskSpace": {name: value}})), number),
                expected
            );
        }
        for value in [
            json!(1.5),
            json!("many"),
            json!(u64::MAX),
            json!(1e300),
            json!("NaN"),
            json!({}),
            json!(true),
        ] {
            let refused =
                rejection(&decode("builds", &message(&json!({"diskSpace": {name: value}}))));
            assert!(
                refused.contains(&format!("diskSpace.{name} is not a 64-bit integer")),
                "{refused}"
            );
        }
        for none in [json!({}), json!({"diskSpace": null}), json!({"diskSpace": 5})] {
            assert_eq!(column::<i64>(&message(&none), number), 0);
        }
    }
}

#[test]
fn config_and_steps_keep_their_text_where_jsonb_takes_it() {
    for (number, name) in [(14, "config"), (22, "steps")] {
        let with = |json: &str| message(&json!({name: "HERE"})).replace("\"HERE\"", json);
        for kept in [r#"{"a" : [1, 2]}"#, "[]", "\"x\"", "1e400", "false", r#"{"a":1,"a":2}"#] {
            assert_eq!(column::<Option<String>>(&with(kept), number).as_deref(), Some(kept));
        }
        assert_eq!(column::<Option<String>>(&with("null"), number), None);
        assert_eq!(text(&json!({}), number), None);
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        for refused in [r#""\u0000""#, r#"["\ud800"]"#, "1e200000", &deep] {
            assert_eq!(
                rejection(&decode("builds", &with(refused))),
                format!(
                    "invalid_build: {name} contains data that PostgreSQL's jsonb does not accept"
                )
            );
        }
    }
}

#[test]
fn pinned_and_reaped_are_true_only_for_true_and_one() {
    for (number, name) in [(15, "pinned"), (16, "reaped")] {
        for yes in [
            json!(true),
            json!(1),
            json!("1"),
            json!(1.0),
            json!("true"),
            json!("TRUE"),
            json!("1.0"),
        ] {
            assert!(column::<bool>(&message(&json!({name: yes})), number), "{yes}");
        }
        for no in [
            json!(false),
            json!(0),
            json!("0"),
            json!(""),
            json!(null),
            json!("no"),
            json!({}),
            json!(2),
        ] {
            assert!(!column::<bool>(&message(&json!({name: no})), number), "{no}");
        }
        assert!(
            !column::<bool>(&message(&json!({})), number),
            "missing is false, whatever Probo says"
        );
    }
}

#[test]
fn the_reason_for_reaping_fits_32_bits() {
    for (value, expected) in [
        (json!(4), Some(4)),
        (json!("4"), Some(4)),
        (json!(null), None),
        (json!(""), None),
        (json!(-1), Some(-1)),
    ] {
        assert_eq!(column::<Option<i32>>(&message(&json!({"reapedReason": value})), 17), expected);
    }
    for value in [json!(i64::from(i32::MAX) + 1), json!("x"), json!(0.5)] {
        assert!(
            rejection(&decode("builds", &message(&json!({"reapedReason": value}))))
                .contains("reapedReason is not a ")
        );
    }
}

#[test]
fn any_status_is_kept() {
    for (number, name) in [(18, "reapedReasonText"), (20, "status"), (21, "submittedState")] {
        for (value, expected) in [
            (json!("weird status"), "weird status"),
            (json!(5), "5"),
            (json!({"a": 1}), r#"{"a":1}"#),
            (json!(true), "true"),
            (json!(""), ""),
        ] {
            assert_eq!(text(&json!({name: value}), number).as_deref(), Some(expected));
        }
        assert_eq!(text(&json!({name: null}), number), None);
        let lone = message(&json!({name: "HERE"})).replace("HERE", "\\ud800");
        assert!(
            rejection(&decode("builds", &lone)).starts_with(&format!("invalid_build: {name}: "))
        );
    }
}

#[test]
fn times_are_text_or_numbers() {
    let expected = Micros(1_497_270_719_287_000);
    for (number, name) in [(19, "reapedDate"), (23, "createdAt"), (24, "updatedAt")] {
        for value in [
            json!("2017-06-12T12:31:59.287Z"),
            json!("2017-06-12T14:31:59.287+02:00"),
            json!(1_497_270_719_287_i64),
            json!("1497270719287"),
            json!(1_497_270_719_287.0),
        ] {
            assert_eq!(
                column::<Option<Micros>>(&message(&json!({name: value})), number),
                Some(expected),
                "{value}"
            );
        }
        for value in [
            json!("+294277-01-01T00:00:00Z"),
            json!("soon"),
            json!(-99_999_999_999_i64),
            json!({}),
            json!(true),
        ] {
            // Milliseconds, so this number is a day of 1966 and not an error.
            if name != "reapedDate" || !value.is_number() {
                assert!(
                    rejection(&decode("builds", &message(&json!({name: value}))))
                        .contains(&format!("{name} is not a")),
                    "{value}"
                );
            }
        }
        let missing = if name == "reapedDate" { None } else { Some(record_time()) };
        for none in [json!({}), json!({name: null}), json!({name: ""})] {
            assert_eq!(column::<Option<Micros>>(&message(&none), number), missing, "{name}");
        }
    }
}

#[test]
fn the_contract_says_milliseconds_of_the_date_of_reaping_alone() {
    for (value, of_reaping, of_others) in [
        (json!(1_497_270_719), "1970-01-18T07:54:30.719Z", "2017-06-12T12:31:59.000Z"),
        (json!("1497270719287"), "2017-06-12T12:31:59.287Z", "2017-06-12T12:31:59.287Z"),
        (json!(253_402_300_799_999_i64), "9999-12-31T23:59:59.999Z", "1978-01-11T21:31:40.799Z"),
        (
            json!("9999-12-31T23:59:59.999999Z"),
            "9999-12-31T23:59:59.999Z",
            "9999-12-31T23:59:59.999Z",
        ),
        (json!("2017-06-12 14:31:59+0200"), "2017-06-12T12:31:59.000Z", "2017-06-12T12:31:59.000Z"),
    ] {
        for (number, name, expected) in [
            (19, "reapedDate", of_reaping),
            (23, "createdAt", of_others),
            (24, "updatedAt", of_others),
        ] {
            let read = column::<Option<Micros>>(&message(&json!({name: value})), number)
                .map(Micros::rfc3339_millis);
            assert_eq!(read.as_deref(), Some(expected), "{name} {value}");
        }
    }
    assert!(
        rejection(&decode("builds", &message(&json!({"reapedDate": 1.5}))))
            .contains("reapedDate is not an integer of milliseconds")
    );
}

#[test]
fn a_time_that_was_guessed_is_marked() {
    let Outcome::Event(event) = decode(
        "builds",
        &message(&json!({"createdAt": "2017-06-12T12:31:59", "reapedDate": "2017-06-12 12:31:59"})),
    ) else {
        panic!("no event")
    };
    assert_eq!(
        event.problems.as_deref(),
        Some(
            "createdAt has no time zone, UTC is assumed; reapedDate has no time zone, UTC is assumed"
        )
    );
    let value: &'static str = Box::leak(message(&json!({})).into_boxed_str());
    let mut timeless = record("topic", Some(value.as_bytes()));
    timeless.timestamp_ms = -1;
    timeless.arrived_at = Some(Micros(5_000_000));
    let Outcome::Event(event) = outcome(rows("builds").as_mut(), &timeless) else {
        panic!("no event")
    };
    assert_eq!(event.event_time, Some(Micros(5_000_000)));
    assert!(event.problems.is_some_and(|p| p.contains(
        "updatedAt is missing and the record has no timestamp, the arrival time is used"
    )));
}

#[test]
fn a_rejection_keeps_what_could_be_read() {
    let refused = decode(
        "builds",
        &message(
            &json!({"id": ID.to_uppercase(), "projectId": "7", "updatedAt": "2017-06-12T12:31:59Z"}),
        ),
    );
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        known(&refused),
        [some(ID), some("2017-06-12T12:31:59.000Z"), some("ready"), some("1")]
    );
    assert_eq!(known(&decode("builds", &message(&json!({"id": "no uuid"}))))[0], some("no uuid"));
}

#[test]
fn a_build_without_a_time_needs_a_record_with_one() {
    let value: &'static str = Box::leak(message(&json!({"createdAt": 0})).into_boxed_str());
    let mut odd = record("topic", Some(value.as_bytes()));
    odd.timestamp_ms = i64::MAX;
    let refused = rejection(&outcome(rows("builds").as_mut(), &odd));
    assert!(
        refused.contains(
            "updatedAt is missing and the record's timestamp 9223372036854775807 is outside"
        ),
        "{refused}"
    );
    odd.timestamp_ms = -5;
    let Outcome::Event(event) = outcome(rows("builds").as_mut(), &odd) else { panic!("no event") };
    assert_eq!(event.event_time, Some(Micros(-5000)));
}

#[test]
fn the_event_has_the_builds_id_time_name_and_version() {
    let Outcome::Event(event) = decode(
        "builds",
        &message(&json!({"id": ID.to_uppercase(), "updatedAt": "1970-01-01T00:00:01Z"})),
    ) else {
        panic!("no event")
    };
    assert_eq!(event.entity_id.as_deref(), Some(ID));
    assert_eq!((event.event_time, event.row), (Some(Micros(1_000_000)), Some(0)));
    assert_eq!(
        (event.event_type.as_deref(), event.event_version.as_deref()),
        (Some("ready"), Some("1"))
    );
    let bare = format!(r#"{{"data":{{"build":{{"id":"{ID}","projectId":"{PROJECT}"}}}}}}"#);
    let Outcome::Event(event) = decode("builds", &bare) else { panic!("no event") };
    assert_eq!((event.event_type, event.event_version), (None, None));
}

#[test]
fn a_message_without_a_build_is_skipped() {
    let no_data = [
        "{}",
        "null",
        "[]",
        "1",
        "\"x\"",
        r#"{"data":null}"#,
        r#"{"data":0}"#,
        r#"{"data":""}"#,
        r#"{"data":false}"#,
        r#"{"data":-0.0}"#,
    ];
    let no_build = [
        r#"{"data":{}}"#,
        r#"{"data":[]}"#,
        r#"{"data":"x"}"#,
        r#"{"data":5}"#,
        r#"{"data":{"build":null}}"#,
        r#"{"data":{"build":0}}"#,
        r#"{"data":{"build":""}}"#,
        r#"{"data":{"build":false,"event":"\ud800"}}"#,
    ];
    for value in no_data {
        assert_eq!(
            decode("builds", value),
            Outcome::Skip("the value has no data".into()),
            "{value}"
        );
    }
    for value in no_build {
        assert_eq!(
            decode("builds", value),
            Outcome::Skip("the value has no build".into()),
            "{value}"
        );
    }
    for value in
        [r#"{"data":{"build":"x"}}"#, r#"{"data":{"build":[1]}}"#, r#"{"data":{"build":1}}"#]
    {
        assert_eq!(
            rejection(&decode("builds", value)),
            "invalid_build: build is not an object",
            "{value}"
        );
    }
    for value in ["", "{", "{}{}", r#"{"data":{"build":{}}"#] {
        assert!(rejection(&decode("builds", value)).starts_with("invalid_json: "), "{value}");
    }
}

#[test]
fn the_samples_are_builds() {
    let models = models::builtin();
    let samples = models.get("builds").unwrap().samples(record_time());
    assert!(samples.iter().all(|s| is_event(&decode("builds", &s.value))));
    assert!(samples.iter().any(|s| column::<bool>(&s.value, 16)), "one is reaped");
}
