//! Compares the reading of RFC 3339 with jiff.

use bytes::BytesMut;
use jiff::Timestamp;
use postgres_types::{FromSql, ToSql, Type};
use proptest::prelude::*;
use weir_model::Micros;

#[test]
fn what_rfc3339_allows_is_read() {
    for (text, micros) in [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01 00:00:00.000001z", 1),
        ("1970-01-01T00:00:00.1Z", 100_000),
        ("1970-01-01t00:00:00.1234567890123Z", 123_456),
        ("1970-01-01T00:00:00+23:59", -86_340_000_000),
        ("1970-01-01T00:00:00-00:00", 0),
        ("2000-02-29T00:00:00Z", 951_782_400_000_000),
        ("2016-12-31T23:59:60Z", 1_483_228_799_000_000),
        ("0000-01-01T00:00:00Z", -62_167_219_200_000_000),
        ("9999-12-30T22:00:00.999999Z", 253_402_207_200_999_999),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
    ] {
        assert_eq!(Micros::from_rfc3339(text), Some(Micros(micros)), "{text}");
    }
}

#[test]
fn what_it_does_not_allow_is_refused() {
    for text in [
        "1970-01-01T00:00:00",
        "1970-01-01T00:00:00,5Z",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00+2359",
        "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00+00:60",
        "1970-01-01T00:00:00+02:00:00",
        "1970-01-01T00:00:00+02",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:61Z",
        "1970-13-01T00:00:00Z",
        "1970-00-01T00:00:00Z",
        "1970-01-00T00:00:00Z",
        "1970-04-31T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "1970-01-01T00:00:00Z ",
        " 1970-01-01T00:00:00Z",
        "1970/01/01T00:00:00Z",
        "1970-01-01T00.00.00Z",
        "1970-01-01x00:00:00Z",
        "+970-01-01T00:00:00Z",
        "0000-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "1970-01-01T00:00:0éZ",
        "1970-01-01T00:00:00é",
        "۱۹۷۰-01-01T00:00:00Z",
        "1970-01-01T00:00:00.-1Z",
    ] {
        assert_eq!(Micros::from_rfc3339(text), None, "{text}");
    }
}

#[test]
fn the_binary_form_counts_from_2000() {
    let mut bytes = BytesMut::new();
    Micros(946_684_800_000_001).to_sql(&Type::TIMESTAMPTZ, &mut bytes).unwrap();
    assert_eq!(&bytes[..], 1_i64.to_be_bytes());
    assert_eq!(Micros::from_sql(&Type::TIMESTAMPTZ, &bytes).unwrap(), Micros(946_684_800_000_001));
    for odd in [i64::MIN, i64::MAX] {
        let read = Micros::from_sql(&Type::TIMESTAMPTZ, &odd.to_be_bytes()).unwrap();
        assert!(!read.rfc3339_millis().is_empty(), "infinity does not panic");
        let _ = (
            read.day(),
            read.postgres(),
            Micros(odd).postgres(),
            Micros(odd).day(),
            Micros(odd).rfc3339_millis(),
        );
    }
    assert!(Micros::from_sql(&Type::TIMESTAMPTZ, &[1, 2]).is_err());
}

proptest! {
    #[test]
    fn the_same_as_jiff(micros in -62_167_219_200_000_000..=253_402_207_200_999_999_i64, hours in -23..=23_i64, digits in 0..=9_u8) {
        let instant = Timestamp::from_microsecond(micros).unwrap();
        let offset = jiff::tz::Offset::from_hours(i8::try_from(hours).unwrap()).unwrap();
        let text = match digits {
            0 => format!("{instant}"),
            1..=4 => format!("{:.3}", instant.display_with_offset(offset)),
            _ => format!("{:.9}", instant.display_with_offset(offset)),
        };
        prop_assume!(!text.starts_with('-') && !text.contains("-000001"));
        let jiff: Timestamp = text.parse().unwrap();
        prop_assert_eq!(Micros::from_rfc3339(&text), Some(Micros(i64::try_from(jiff.as_nanosecond().div_euclid(1000)).unwrap())), "{}", text);
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,40}|[0-9TZ:.+-]{15,40}") {
        if let Some(Micros(micros)) = Micros::from_rfc3339(&text) {
            prop_assert!((-62_167_219_200_000_000..=253_402_300_799_999_999).contains(&micros));
        }
        if let Some(read) = Micros::read(&text) {
            prop_assert!((-62_167_219_200_000_000..=253_402_300_799_999_999).contains(&read.at.0));
        }
    }

    #[test]
    fn printing_and_reading_is_the_same_millisecond(millis in -62_167_219_200_000..=253_402_300_799_999_i64) {
        let at = Micros::from_millis(millis).unwrap();
        prop_assert_eq!(Micros::from_rfc3339(&at.rfc3339_millis()), Some(at));
    }
}

#[test]
fn a_month_begins_on_its_first_day() {
    let at = |text: &str| Micros::from_rfc3339(text).unwrap();
    for (of, back, begin) in [
        ("2024-02-29T23:59:59.999999Z", 0, "2024-02-01T00:00:00Z"),
        ("2024-01-01T00:00:00Z", 0, "2024-01-01T00:00:00Z"),
        ("2024-01-15T00:00:00Z", 1, "2023-12-01T00:00:00Z"),
        ("2024-01-15T00:00:00Z", 12, "2023-01-01T00:00:00Z"),
        ("1969-12-31T23:00:00Z", 0, "1969-12-01T00:00:00Z"),
    ] {
        assert_eq!(at(of).month_begin(back), Some(at(begin)), "{of} {back}");
    }
    assert_eq!(at("0000-01-01T00:00:00Z").month_begin(1), None);
}
