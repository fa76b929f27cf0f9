//! Timestamps in microseconds, as in PostgreSQL's `timestamptz`.

use bytes::{BufMut, BytesMut};
use postgres_types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub i64);

/// 2000-01-01T00:00:00Z, the zero of PostgreSQL's timestamps.
pub const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;
/// A day in microseconds. A day has no leap second, because neither PostgreSQL nor a Unix clock
/// counts one.
pub const DAY_MICROS: i64 = 86_400_000_000;
/// 0000-01-01T00:00:00Z, the first instant that RFC 3339 can write.
const FIRST_MICROS: i64 = -62_167_219_200_000_000;
/// 9999-12-31T23:59:59.999999Z, the last instant that RFC 3339 can write, often used for "for
/// ever". (This module has its own calendar, because jiff's range ends 26 hours earlier.)
const LAST_MICROS: i64 = 253_402_300_799_999_999;
/// Kafka's number for a record without a timestamp.
pub const NO_TIMESTAMP_MS: i64 = -1;
/// 0001-01-01T00:00:00Z, the zero value of Go's `time.Time`.
pub const GO_ZERO: Micros = Micros(-62_135_596_800_000_000);

/// An instant that was read from a sender's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadInstant {
    /// The instant.
    pub at: Micros,
    /// Whether the text has a time zone. Without a zone the text is read as UTC, which is a
    /// finding.
    pub has_zone: bool,
}

impl Micros {
    /// Returns microseconds since 2000, as in PostgreSQL's binary protocol.
    pub fn postgres(self) -> i64 {
        self.0.saturating_sub(POSTGRES_EPOCH_MICROS)
    }

    /// Converts milliseconds since 1970. `None` outside the years 0000–9999.
    pub fn from_millis(millis: i64) -> Option<Self> {
        millis.checked_mul(1000).and_then(Self::in_range)
    }

    /// Reads RFC 3339 text (section 5.6). Digits finer than microseconds are cut off. `None` for
    /// any other text.
    ///
    /// (jiff reads the wider formats ISO 8601 and RFC 9557, and takes five times as long. A test
    /// compares the two.)
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let (moment, rest) = text.as_bytes().split_first_chunk::<19>()?;
        let two = |at: usize| digits(&moment[at..at + 2]);
        let (year, month, day) = (digits(&moment[..4])?, two(5)?, two(8)?);
        let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
        let parted = [moment[4], moment[7], moment[13], moment[16]] == *b"--::"
            && matches!(moment[10], b'T' | b't' | b' ');
        // 60 is a leap second, which neither PostgreSQL nor a Unix clock counts. It is read as
        // second 59.
        if !parted
            || !(1..=12).contains(&month)
            || !(1..=days_in(year, month)).contains(&day)
            || hour > 23
            || minute > 59
            || second > 60
        {
            return None;
        }
        let (fraction, rest) = fraction_micros(rest)?;
        let offset_minutes = match *rest {
            [b'Z' | b'z'] => 0,
            [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => minutes_of(sign, [h1, h2], [m1, m2])?,
            _ => return None,
        };
        let minutes =
            (days_since_1970(year, month, day) * 24 + hour) * 60 + minute - offset_minutes;
        Self::in_range((minutes * 60 + second.min(59)) * 1_000_000 + fraction)
    }

    /// Reads an instant that a sender wrote. `None` for any other text.
    ///
    /// Accepts RFC 3339, also with `+0200`, `+02` or ` UTC` for the offset or without an offset.
    /// Also accepts a number as text, see [`from_number`](Self::from_number).
    pub fn read(text: &str) -> Option<ReadInstant> {
        let with_zone = |at| ReadInstant { at, has_zone: true };
        if let Some(at) = Self::from_rfc3339(text) {
            return Some(with_zone(at));
        }
        if text.as_bytes().get(4) != Some(&b'-') {
            return Self::from_number(text).map(with_zone);
        }
        let (moment, rest) = text.split_at_checked(19)?;
        let (_, zone) = fraction_micros(rest.as_bytes())?;
        let fraction = &rest[..rest.len() - zone.len()];
        let offset = match *zone.strip_prefix(b" ").unwrap_or(zone) {
            [] if zone.is_empty() => "Z".to_owned(),
            [sign @ (b'+' | b'-'), h1, h2] => offset_text(&[sign, h1, h2, b':', b'0', b'0'])?,
            [sign @ (b'+' | b'-'), h1, h2, m1, m2] => offset_text(&[sign, h1, h2, b':', m1, m2])?,
            [b'U', b'T', b'C'] => "Z".to_owned(),
            ref other => offset_text(other)?,
        };
        Self::from_rfc3339(&[moment, fraction, &offset].concat())
            .map(|at| ReadInstant { at, has_zone: !zone.is_empty() })
    }

    /// Reads a number. Its size decides the unit: seconds since 1970 below 1e11, milliseconds below
    /// 1e14, microseconds below 1e17, otherwise nanoseconds. `None` for a text that is not a
    /// number, and outside the years 0000–9999.
    pub fn from_number(text: &str) -> Option<Self> {
        if let Ok(whole) = text.parse::<i64>() {
            let micros = match whole.unsigned_abs() {
                0..100_000_000_000 => whole * 1_000_000,
                100_000_000_000..100_000_000_000_000 => whole * 1000,
                100_000_000_000_000..100_000_000_000_000_000 => whole,
                _ => whole.div_euclid(1000),
            };
            return Self::in_range(micros);
        }
        let begins = text.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit());
        let number = text.parse::<f64>().ok().filter(|number| begins && number.is_finite())?;
        let micros = match number.abs() {
            size if size < 1e11 => number * 1e6,
            size if size < 1e14 => number * 1e3,
            size if size < 1e17 => number,
            _ => number / 1e3,
        };
        // The accepted years end long before the range of i64.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "saturates, and is checked for its range"
        )]
        Self::in_range(micros.round() as i64)
    }

    /// Returns the UTC day, as days since 1970-01-01.
    pub fn day(self) -> i32 {
        // The value fits, see `in_range`.
        i32::try_from(self.0.div_euclid(DAY_MICROS)).unwrap_or_default()
    }

    /// Returns the begin of a UTC month: the month of this instant, or as many months before.
    /// `None` outside the years 0000–9999.
    pub fn month_begin(self, months_back: u32) -> Option<Self> {
        let (year, month, _) = date_of(self.day().into());
        let months = year * 12 + month - 1 - i64::from(months_back);
        let day = days_since_1970(months.div_euclid(12), months.rem_euclid(12) + 1, 1);
        Self::in_range(day * DAY_MICROS)
    }

    /// Returns RFC 3339 text in UTC with milliseconds, the format of the API.
    pub fn rfc3339_millis(self) -> String {
        self.rfc3339(1_000, 3)
    }

    /// Returns RFC 3339 text in UTC with microseconds.
    pub fn rfc3339_micros(self) -> String {
        self.rfc3339(1, 6)
    }

    /// Returns the text with this number of digits after the second. A page of the API has three
    /// instants a row, and `format!` would take a tenth of its time.
    fn rfc3339(self, unit_micros: i64, digits: usize) -> String {
        let (year, month, day) = date_of(self.0.div_euclid(DAY_MICROS));
        let micros = self.0.rem_euclid(DAY_MICROS);
        let (minutes, fraction) = (micros / 60_000_000, micros % 1_000_000 / unit_micros);
        let (hour, minute, second) = (minutes / 60, minutes % 60, micros / 1_000_000 % 60);
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        for (at, number) in [(5, month), (8, day), (11, hour), (14, minute), (17, second)] {
            put_digits(&mut text[at..at + 2], number);
        }
        put_digits(&mut text[..4], year);
        let end = 20 + digits;
        put_digits(&mut text[20..end], fraction);
        text[end] = b'Z';
        let text = String::from_utf8_lossy(&text[..=end]).into_owned();
        // Only a row that was written by hand can be outside of these years, because PostgreSQL's
        // range is wider than RFC 3339's.
        if (0..=9999).contains(&year) { text } else { format!("{year:+07}{}", &text[4..]) }
    }

    fn in_range(micros: i64) -> Option<Self> {
        (FIRST_MICROS..=LAST_MICROS).contains(&micros).then_some(Self(micros))
    }
}

/// Reads the fraction that may follow the seconds. Returns its microseconds and the rest of the
/// text. Finer digits are cut off.
fn fraction_micros(rest: &[u8]) -> Option<(i64, &[u8])> {
    let [b'.', rest @ ..] = rest else { return Some((0, rest)) };
    let length = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let (fraction, rest) = rest.split_at(length);
    let micros =
        fraction.iter().chain(b"000000").take(6).fold(0, |sum, b| sum * 10 + i64::from(b - b'0'));
    (length > 0).then_some((micros, rest))
}

fn minutes_of(sign: u8, hours: [u8; 2], minutes: [u8; 2]) -> Option<i64> {
    let (hours, minutes) = (digits(&hours)?, digits(&minutes)?);
    let minutes = (hours <= 23 && minutes <= 59).then_some(hours * 60 + minutes)?;
    Some(if sign == b'-' { -minutes } else { minutes })
}

fn offset_text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0')))
}

/// Fills `text` with the last decimal digits of a number.
fn put_digits(text: &mut [u8], mut number: i64) {
    for digit in text.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number.rem_euclid(10)).unwrap_or_default();
        number /= 10;
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Returns the days between 1970-01-01 and a date of the proleptic Gregorian calendar.
pub fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // The year begins in March here, so that the leap day is the last day of a year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // March to July have 153 days, and so have August to December: 31, 30, 31, 30, 31.
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// The inverse of [`days_since_1970`]: returns year, month and day (Howard Hinnant's
/// `civil_from_days`).
pub fn date_of(days_since_1970: i64) -> (i64, i64, i64) {
    let days = days_since_1970 + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // The year begins in March: 0 is March, 11 is February.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

impl ToSql for Micros {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.put_i64(self.postgres());
        Ok(IsNull::No)
    }
    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Micros {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        let since_2000 = i64::from_be_bytes(raw.try_into()?);
        Ok(Self(since_2000.saturating_add(POSTGRES_EPOCH_MICROS)))
    }
    accepts!(TIMESTAMPTZ);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_is_read_to_the_microsecond() {
        for (text, micros) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2012-04-23T18:25:43.511Z", 1_335_205_543_511_000),
            ("2012-04-23t18:25:43.511999999z", 1_335_205_543_511_999),
            ("2012-04-23T20:25:43.511+02:00", 1_335_205_543_511_000),
            ("1969-12-31T23:59:59.9999999Z", -1),
        ] {
            assert_eq!(Micros::from_rfc3339(text), Some(Micros(micros)), "{text}");
        }
        assert_eq!(Micros::from_rfc3339("0001-01-01T00:00:00Z"), Some(GO_ZERO));
    }

    #[test]
    fn what_is_not_rfc3339_is_refused() {
        for text in [
            "",
            "now",
            "2012-04-23",
            "2012-04-23T18:25Z",
            "2012-04-23T18:25:43",
            "20120423T182543Z",
            "+294277-01-01T00:00:00Z",
            "294277-01-01T00:00:00Z",
            "2012-02-30T00:00:00Z",
            "2012-04-23T18:25:43Z[UTC]",
            "2012-04-23T18:25:43+02:00[Europe/Paris]",
            "2012-04-23T25:00:00Z",
            "é012-04-23T18:25:43Z",
            "2012-04-23T18:25:43.Z",
            "-000001-01-01T00:00:00Z",
        ] {
            assert_eq!(Micros::from_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn what_senders_write_for_rfc3339_is_read_too() {
        for (text, has_zone, expected) in [
            ("2012-04-23T18:25:43.511Z", true, "2012-04-23T18:25:43.511000Z"),
            ("2012-04-23 18:25:43.511Z", true, "2012-04-23T18:25:43.511000Z"),
            ("2012-04-23T20:25:43.5+0200", true, "2012-04-23T18:25:43.500000Z"),
            ("2012-04-23T18:25:43+0000", true, "2012-04-23T18:25:43.000000Z"),
            ("2012-04-23 18:25:43.123456+00", true, "2012-04-23T18:25:43.123456Z"),
            ("2021-04-28 21:50:00 +0200", true, "2021-04-28T19:50:00.000000Z"),
            ("2021-04-28 21:50:00 +02:00", true, "2021-04-28T19:50:00.000000Z"),
            ("2016-08-12 15:23:28 UTC", true, "2016-08-12T15:23:28.000000Z"),
            ("2012-04-23T18:25:43", false, "2012-04-23T18:25:43.000000Z"),
            ("2012-04-23 18:25:43.5119999", false, "2012-04-23T18:25:43.511999Z"),
            ("1335205543", true, "2012-04-23T18:25:43.000000Z"),
            ("9999-12-31T23:59:59.999999Z", true, "9999-12-31T23:59:59.999999Z"),
        ] {
            let read = Micros::read(text).map(|read| (read.at.rfc3339_micros(), read.has_zone));
            assert_eq!(read, Some((expected.to_owned(), has_zone)), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "2012-04-23",
            "2012-04-23T18:25",
            "2012-02-30T18:25:43",
            "2012-04-23T18:25:43.",
            "2012-04-23T18:25:43 ",
            "2012-04-23T18:25:43+2",
            "2012-04-23T18:25:43 CEST",
            "2012-04-23T18:25:43+2460",
            "201é-04-23T18:25:43",
            "2012-04-23T18:25:4é",
            "10000-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999999-01:00",
        ] {
            assert_eq!(Micros::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_is_taken_by_its_size() {
        for (text, expected) in [
            ("0", "1970-01-01T00:00:00.000000Z"),
            ("1545084650", "2018-12-17T22:10:50.000000Z"),
            ("1545084650.987654", "2018-12-17T22:10:50.987654Z"),
            ("1.545084650e9", "2018-12-17T22:10:50.000000Z"),
            ("1545084650987", "2018-12-17T22:10:50.987000Z"),
            ("1545084650987.5", "2018-12-17T22:10:50.987500Z"),
            ("1545084650987654", "2018-12-17T22:10:50.987654Z"),
            ("1545084650987654321", "2018-12-17T22:10:50.987654Z"),
            ("-1", "1969-12-31T23:59:59.000000Z"),
            ("99999999999", "5138-11-16T09:46:39.000000Z"),
            ("100000000000", "1973-03-03T09:46:40.000000Z"),
            ("99999999999999", "5138-11-16T09:46:39.999000Z"),
            ("100000000000000", "1973-03-03T09:46:40.000000Z"),
            ("99999999999999999", "5138-11-16T09:46:39.999999Z"),
            ("100000000000000000", "1973-03-03T09:46:40.000000Z"),
        ] {
            assert_eq!(
                Micros::from_number(text).map(Micros::rfc3339_micros).as_deref(),
                Some(expected),
                "{text}"
            );
        }
        for text in ["", "-", "inf", "NaN", "-infinity", "1e400", "0x10", "1 ", "-99999999999"] {
            assert_eq!(Micros::from_number(text), None, "{text}");
        }
    }

    #[test]
    fn the_last_instant_is_the_end_of_9999() {
        let last = Micros::from_rfc3339("9999-12-31T23:59:59.999999Z").expect("in range");
        assert_eq!(last.rfc3339_millis(), "9999-12-31T23:59:59.999Z");
        assert_eq!(
            Micros::from_millis(253_402_300_799_999),
            Micros::from_rfc3339("9999-12-31T23:59:59.999Z")
        );
        assert_eq!(Micros::from_millis(253_402_300_800_000), None);
        assert_eq!(Micros(last.0 + 1).rfc3339_millis(), "+010000-01-01T00:00:00.000Z");
    }

    #[test]
    fn millis_out_of_range_are_none() {
        assert_eq!(Micros::from_millis(i64::MAX), None);
        assert_eq!(Micros::from_millis(i64::MIN), None);
        assert_eq!(Micros::from_millis(9_224_318_016_000_000), None); // the year 294277
        assert_eq!(Micros::from_millis(-1), Some(Micros(-1000)));
    }

    #[test]
    fn a_date_and_its_days_are_inverse() {
        for days in
            (-800_000..=3_000_000).step_by(17).chain([-719_468, -1, 0, 59, 11_016, 106_741_030])
        {
            let (year, month, day) = date_of(days);
            assert_eq!(days_since_1970(year, month, day), days);
            assert!(
                (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day),
                "{year}-{month}-{day}"
            );
        }
    }

    #[test]
    fn printed_with_milliseconds() {
        assert_eq!(Micros(1_474_313_726_854_123).rfc3339_millis(), "2016-09-19T19:35:26.854Z");
        assert_eq!(Micros(-1).rfc3339_millis(), "1969-12-31T23:59:59.999Z");
    }
}
