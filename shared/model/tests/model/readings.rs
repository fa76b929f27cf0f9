//! Tests which values are readings, and which of two readings wins.

use proptest::prelude::*;
use serde_json::json;
use weir_model::{Micros, Outcome, models, time::GO_ZERO};

use crate::support::{chosen, decode, is_event, known, param, record, rejection, rows};

const AT: &str = "2012-04-23T18:25:43.511Z";

fn reading(sensor: &str, value: &str, timestamp: &str) -> String {
    format!(r#"{{"sensor":{sensor},"value":{value},"timestamp":{timestamp}}}"#)
}

#[test]
fn a_reading_is_an_event_of_its_sensor_at_its_time() {
    let Outcome::Event(event) =
        decode("readings", &reading("\"speed\"", "55.5", &format!("\"{AT}\"")))
    else {
        panic!("no event")
    };
    assert_eq!(event.entity_id.as_deref(), Some("speed"));
    assert_eq!(event.event_time, Some(Micros(1_335_205_543_511_000)));
    assert_eq!(
        (event.event_type.as_deref(), event.event_version, event.row),
        (Some("reading"), None, Some(0))
    );
}

#[test]
fn a_sensor_is_a_short_lower_case_name() {
    let longest = "a".repeat(63);
    for sensor in ["speed", "a", "temp_max", "x9_", "sp\\u0065ed", &longest] {
        let outcome =
            decode("readings", &reading(&format!("\"{sensor}\""), "1", &format!("\"{AT}\"")));
        assert!(is_event(&outcome), "{sensor}: {outcome:?}");
    }
    let too_long = "a".repeat(64);
    for sensor in ["", "Speed", "9x", "_x", "a-b", "a b", "é", "a\\u0000", &too_long] {
        let message = rejection(&decode(
            "readings",
            &reading(&format!("\"{sensor}\""), "1", &format!("\"{AT}\"")),
        ));
        assert!(
            message.starts_with("invalid_reading: sensor ") && !message.contains('\0'),
            "{message}"
        );
    }
    for sensor in ["null", "1", "[]", "\"\\ud800\""] {
        let message = rejection(&decode("readings", &reading(sensor, "1", &format!("\"{AT}\""))));
        assert!(message.starts_with("invalid_reading: "), "{message}");
    }
}

#[test]
fn a_value_is_a_finite_number() {
    // Values from CSV files are texts.
    for value in [
        "\"1\"",
        "\"-12.5\"",
        "\" 1e3 \"",
        "\"\\u0031\"",
        "0",
        "-0.0",
        "55",
        "1e308",
        "5e-324",
        "1e-400",
        "123456789012345678901234567890",
    ] {
        assert!(
            is_event(&decode("readings", &reading("\"speed\"", value, &format!("\"{AT}\"")))),
            "{value}"
        );
    }
    for value in [
        "1e400",
        "-1e400",
        "null",
        "\"\"",
        "\"one\"",
        "\"NaN\"",
        "\"1e400\"",
        "true",
        "[1]",
        "{}",
        "NaN",
        "Infinity",
        "01",
        "+1",
        "1.",
    ] {
        let message =
            rejection(&decode("readings", &reading("\"speed\"", value, &format!("\"{AT}\""))));
        assert!(message.starts_with("invalid_reading: "), "{value}: {message}");
    }
}

#[test]
fn a_timestamp_is_a_time_and_not_zero() {
    for timestamp in [
        AT,
        "1335205543",
        "1335205543511",
        "2012-04-23 20:25:43+0200",
        "9999-12-31T23:59:59.999999Z",
        "1970-01-01T00:00:00Z",
        "2012-04-23T20:25:43+02:00",
        "1812-06-24T00:00:00Z",
    ] {
        assert!(
            is_event(&decode("readings", &reading("\"speed\"", "1", &format!("\"{timestamp}\"")))),
            "{timestamp}"
        );
    }
    for timestamp in [
        "",
        "0",
        "2012-04-23",
        "2012-02-30T00:00:00Z",
        "+294277-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "0001-01-01T02:00:00+02:00",
    ] {
        let message =
            rejection(&decode("readings", &reading("\"speed\"", "1", &format!("\"{timestamp}\""))));
        assert!(message.starts_with("invalid_reading: timestamp "), "{timestamp}: {message}");
    }
    assert!(is_event(&decode("readings", &reading("\"speed\"", "1", "1335205543511"))));
    for timestamp in ["0", "0.0", "true", "null", "[]"] {
        assert!(
            !is_event(&decode("readings", &reading("\"speed\"", "1", timestamp))),
            "{timestamp}"
        );
    }
    let Outcome::Event(event) =
        decode("readings", &reading("\"speed\"", "1", "\"2012-04-23T18:25:43\""))
    else {
        panic!("no event")
    };
    assert_eq!(event.problems.as_deref(), Some("timestamp has no time zone, UTC is assumed"));
}

#[test]
fn a_rejection_keeps_what_could_be_read() {
    let some = |text: &str| Some(text.to_owned());
    let time = || some("2012-04-23T18:25:43.511Z");
    assert_eq!(
        known(&decode("readings", &reading("\"speed\"", "\"fast\"", &format!("\"{AT}\"")))),
        [some("speed"), time(), some("reading"), None]
    );
    assert_eq!(
        known(&decode("readings", r#"{"sensor":"speed","value":"#)),
        [some("speed"), None, some("reading"), None]
    );
}

#[test]
fn unknown_members_are_ignored_and_missing_ones_named() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let value = format!(
        r#" {{"x":null,"sensor":"speed","\u0000":{deep},"value":1,"timestamp":"{AT}","note":"\ud800"}} "#
    );
    assert!(is_event(&decode("readings", &value)));
    for (member, rest) in [("sensor", "value"), ("value", "timestamp"), ("timestamp", "sensor")] {
        let mut value = json!({"sensor": "speed", "value": 1, "timestamp": AT});
        value.as_object_mut().unwrap().remove(member);
        let message = rejection(&decode("readings", &value.to_string()));
        assert!(
            message.contains(&format!("missing field `{member}`")),
            "{message} ({rest} is there)"
        );
    }
}

#[test]
fn a_value_that_is_not_an_object_is_refused() {
    for value in [
        r#"["speed",1,"2012-04-23T18:25:43.511Z"]"#,
        "null",
        "1",
        "\"speed\"",
        "",
        "   ",
        "\u{feff}{}",
    ] {
        assert_eq!(
            rejection(&decode("readings", value)),
            "invalid_reading: a reading must be an object",
            "{value}"
        );
    }
    for value in
        ["{", "{}x", r#"{"sensor":"speed","value":1,"timestamp":"2012-04-23T18:25:43.511Z"} {"#]
    {
        assert!(rejection(&decode("readings", value)).starts_with("invalid_reading: "), "{value}");
    }
}

#[test]
fn a_rejection_quotes_little_of_the_value() {
    let long = "s".repeat(1_000_000);
    for value in [
        reading(&format!("\"{long}\""), "1", "\"\""),
        reading("1", &format!("\"{long}\""), "\"\""),
        format!(r#"{{"sensor":{{}},"a":"{long}"}}"#),
    ] {
        assert!(rejection(&decode("readings", &value)).len() < 250);
    }
}

#[test]
fn of_two_readings_at_one_instant_the_later_record_wins_in_any_order() {
    let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]];
    for order in orders {
        let mut rows = rows("readings");
        for value in ["1", "2", "3", "4"] {
            let text: &'static str = Box::leak(
                reading(
                    if value == "4" { "\"fuel\"" } else { "\"speed\"" },
                    value,
                    &format!("\"{AT}\""),
                )
                .into_boxed_str(),
            );
            assert!(is_event(&rows.decode(&record("topic", None), text)));
        }
        // The order is timestamp, then partition, then offset. Row 1 is the newest of "speed".
        let places =
            [chosen(0, 10, 9, 9), chosen(1, 20, 1, 5), chosen(2, 20, 1, 4), chosen(3, 0, 0, 0)];
        let statements = rows.upsert(&order.map(|i: usize| places[i]));
        let [statement] = statements.as_slice() else { panic!("one statement") };
        assert_eq!(statement.rows, 2);
        assert_eq!(param::<String>(statement, 1), ["fuel", "speed"], "sorted by key");
        assert_eq!(param::<Micros>(statement, 2), [Micros(1_335_205_543_511_000); 2]);
        assert_eq!(param::<f64>(statement, 3), [4.0, 2.0]);
        assert_eq!(param::<i64>(statement, 4), [0, 20]);
        assert_eq!(param::<i32>(statement, 5), [1, 1]);
        assert_eq!(param::<i32>(statement, 6), [0, 1]);
        assert_eq!(param::<i64>(statement, 7), [0, 5]);
    }
}

#[test]
fn only_chosen_rows_are_written_and_their_days_named() {
    let mut rows = rows("readings");
    for at in [
        "2012-04-23T23:59:59.999999Z",
        "2012-04-24T01:00:00+02:00",
        "1969-12-31T23:59:59Z",
        "2012-04-24T00:00:00Z",
    ] {
        let text: &'static str =
            Box::leak(reading("\"speed\"", "1", &format!("\"{at}\"")).into_boxed_str());
        assert!(is_event(&rows.decode(&record("topic", None), text)));
    }
    let all: Vec<_> = (0..4).map(|row| chosen(row, 0, 0, i64::from(row))).collect();
    assert_eq!(rows.days(&all), [-1, 15_453, 15_454]);
    assert_eq!(rows.days(&all[3..]), [15_454]);
    assert_eq!(rows.days(&[]), [0; 0]);
    assert_eq!(rows.upsert(&all[2..])[0].rows, 2);
    assert!(rows.upsert(&[]).is_empty());
    assert!(rows.upsert(&[chosen(99, 0, 0, 0)]).is_empty(), "a row that was not kept");
}

#[test]
fn the_samples_are_readings() {
    let models = models::builtin();
    let samples = models.get("readings").unwrap().samples(Micros(1_700_000_000_000_000));
    assert!(samples.len() >= 60);
    assert!(samples.iter().all(|s| is_event(&decode("readings", &s.value)) && s.key.is_some()));
    assert_ne!(GO_ZERO, Micros(0));
}

proptest! {
    #[test]
    fn a_double_is_kept_to_the_last_bit(value in any::<f64>().prop_filter("finite", |v| v.is_finite())) {
        let mut rows = rows("readings");
        let text: &'static str = Box::leak(reading("\"speed\"", &format!("{value:e}"), &format!("\"{AT}\"")).into_boxed_str());
        prop_assert!(is_event(&rows.decode(&record("topic", None), text)));
        let statements = rows.upsert(&[chosen(0, 0, 0, 0)]);
        prop_assert_eq!(param::<f64>(&statements[0], 3)[0].to_bits(), value.to_bits());
    }

    #[test]
    fn no_value_panics(text in "[\\{\\}\\[\\]\",:0-9a-z\\\\.e+-]{0,80}") {
        for model in ["events", "builds", "readings"] {
            let _ = decode(model, &text);
        }
    }
}
