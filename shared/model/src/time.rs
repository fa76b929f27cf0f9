//! Instants as PostgreSQL's `timestamptz` holds them: microseconds.

use bytes::{BufMut, BytesMut};
use jiff::Timestamp;
use postgres_types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub i64);

/// 2000-01-01T00:00:00Z, where PostgreSQL's own count begins.
pub const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;
/// A day in microseconds. No day has a leap second: neither PostgreSQL nor a Unix clock counts one.
pub const DAY_MICROS: i64 = 86_400_000_000;
/// 0000-01-01T00:00:00Z: RFC 3339 has no year before it.
const FIRST_MICROS: i64 = -62_167_219_200_000_000;
/// 9999-12-30T22:00:00.999999Z, the last instant that jiff prints: RFC 3339 has no year after it.
const LAST_MICROS: i64 = 253_402_207_200_999_999;
/// 0001-01-01T00:00:00Z, what Go's `time.Time` is when nobody set it.
pub const GO_ZERO: Micros = Micros(-62_135_596_800_000_000);

impl Micros {
    /// Microseconds since 2000, as the binary protocol carries them.
    pub fn postgres(self) -> i64 {
        self.0.saturating_sub(POSTGRES_EPOCH_MICROS)
    }

    /// From a record's timestamp in milliseconds; `None` outside the years 0000–9999.
    pub fn from_millis(millis: i64) -> Option<Self> {
        millis.checked_mul(1000).and_then(Self::in_range)
    }

    /// RFC 3339 text (section 5.6), finer digits than microseconds cut off. `None` when it is not.
    /// (jiff reads the wider ISO 8601 and RFC 9557, and takes five times as long; a test holds this against it.)
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let (moment, rest) = text.as_bytes().split_first_chunk::<19>()?;
        let two = |at: usize| digits(&moment[at..at + 2]);
        let (year, month, day) = (digits(&moment[..4])?, two(5)?, two(8)?);
        let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
        let parted = [moment[4], moment[7], moment[13], moment[16]] == *b"--::" && matches!(moment[10], b'T' | b't' | b' ');
        // 60 is a leap second, which no clock behind this one counts: it is taken for the 59th.
        if !parted || !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => {
                let length = rest.iter().take_while(|b| b.is_ascii_digit()).count();
                let (fraction, rest) = rest.split_at(length);
                let micros = fraction.iter().chain(b"000000").take(6).fold(0, |sum, b| sum * 10 + i64::from(b - b'0'));
                ((length > 0).then_some(micros)?, rest)
            }
            _ => (0, rest),
        };
        let offset_minutes = match *rest {
            [b'Z' | b'z'] => 0,
            [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
                let (hours, minutes) = (digits(&[h1, h2])?, digits(&[m1, m2])?);
                let minutes = (hours <= 23 && minutes <= 59).then_some(hours * 60 + minutes)?;
                if sign == b'-' { -minutes } else { minutes }
            }
            _ => return None,
        };
        let minutes = (days_since_1970(year, month, day) * 24 + hour) * 60 + minute - offset_minutes;
        Self::in_range((minutes * 60 + second.min(59)) * 1_000_000 + fraction)
    }

    /// The UTC day, as days since 1970-01-01.
    pub fn day(self) -> i32 {
        // In range: see `in_range`.
        i32::try_from(self.0.div_euclid(DAY_MICROS)).unwrap_or_default()
    }

    /// RFC 3339 in UTC with milliseconds, as the API prints times.
    pub fn rfc3339_millis(self) -> String {
        let floor = self.0.div_euclid(1000);
        match Timestamp::from_millisecond(floor) {
            Ok(instant) => format!("{instant:.3}"),
            // Only a hand-written row can get here; PostgreSQL's range is wider than RFC 3339's.
            Err(_) => format!("{floor}ms"),
        }
    }

    fn in_range(micros: i64) -> Option<Self> {
        (FIRST_MICROS..=LAST_MICROS).contains(&micros).then_some(Self(micros))
    }
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0')))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days between 1970-01-01 and a date of the proleptic Gregorian calendar.
pub fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March end with the day that leap years add.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 153 days are March to July, and August to December: 31, 30, 31, 30, 31.
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// The inverse of [`days_since_1970`]: year, month and day (Howard Hinnant's `civil_from_days`).
pub fn date_of(days_since_1970: i64) -> (i64, i64, i64) {
    let days = days_since_1970 + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // A year that begins in March: 0 is March, 11 is February.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

impl ToSql for Micros {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
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
    fn millis_out_of_range_are_none() {
        assert_eq!(Micros::from_millis(i64::MAX), None);
        assert_eq!(Micros::from_millis(i64::MIN), None);
        assert_eq!(Micros::from_millis(9_224_318_016_000_000), None); // the year 294277
        assert_eq!(Micros::from_millis(-1), Some(Micros(-1000)));
    }

    #[test]
    fn a_date_and_its_days_are_inverse() {
        for days in (-800_000..=3_000_000).step_by(17).chain([-719_468, -1, 0, 59, 11_016, 106_741_030]) {
            let (year, month, day) = date_of(days);
            assert_eq!(days_since_1970(year, month, day), days);
            assert!((1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day), "{year}-{month}-{day}");
        }
    }

    #[test]
    fn printed_with_milliseconds() {
        assert_eq!(Micros(1_474_313_726_854_123).rfc3339_millis(), "2016-09-19T19:35:26.854Z");
        assert_eq!(Micros(-1).rfc3339_millis(), "1969-12-31T23:59:59.999Z");
    }
}
