//! A UTC day.

use std::{fmt, str::FromStr};

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const EPOCH: Date = Date::constant(1970, 1, 1);

/// A UTC day, written `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcDay(Date);

impl UtcDay {
    /// The first day that can be written in this format.
    pub const FIRST: Self = Self(Date::constant(0, 1, 1));
    /// The last day that can be written in this format.
    pub const LAST: Self = Self(Date::constant(9999, 12, 31));

    /// Returns the day of a number of days since 1970-01-01; `None` outside the years 0 to 9999.
    pub fn from_number(number: i32) -> Option<Self> {
        let days = jiff::Span::new().try_days(number).ok()?;
        let date = EPOCH.checked_add(days).ok()?;
        (0..=9999).contains(&date.year()).then_some(Self(date))
    }

    /// Returns the number of days since 1970-01-01.
    pub fn number(self) -> i32 {
        (self.0 - EPOCH).get_days()
    }

    /// Returns the start of the day in microseconds since 1970.
    pub fn begin_micros(self) -> i64 {
        // jiff's dates span about four million days, so the conversion does not fail.
        i64::try_from(self.0.duration_since(EPOCH).as_micros()).unwrap_or_default()
    }

    /// Returns the day before; the first day of jiff's range returns itself.
    #[must_use]
    pub fn before(self) -> Self {
        Self(self.0.yesterday().unwrap_or(self.0))
    }

    /// Returns the day after; the last day of jiff's range returns itself.
    #[must_use]
    pub fn after(self) -> Self {
        Self(self.0.tomorrow().unwrap_or(self.0))
    }
}

impl FromStr for UtcDay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // jiff parses more formats than this one.
        let shaped = text.len() == 10
            && text
                .bytes()
                .enumerate()
                .all(|(n, b)| if n == 4 || n == 7 { b == b'-' } else { b.is_ascii_digit() });
        if !shaped {
            return Err("not a day: write it as YYYY-MM-DD".to_owned());
        }
        text.parse().map(Self).map_err(|_| "not a day of the calendar".to_owned())
    }
}

impl fmt::Display for UtcDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for UtcDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UtcDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_they_are_written() {
        for text in ["0001-01-01", "1970-01-01", "2024-02-29", "9999-12-31"] {
            let day: UtcDay = text.parse().unwrap();
            assert_eq!(
                (day.to_string().as_str(), UtcDay::from_number(day.number())),
                (text, Some(day))
            );
        }
        for text in [
            "",
            "2025-02-30",
            "2025-2-3",
            "20250203",
            "2025-02-03T00:00",
            "+025-02-03",
            "2025-13-01",
            "2025-02-0é",
        ] {
            assert!(text.parse::<UtcDay>().is_err(), "{text}");
        }
    }

    #[test]
    fn days_are_counted_from_1970() {
        let day = UtcDay::from_number(0).unwrap();
        assert_eq!(
            (day.to_string().as_str(), day.before().number(), day.after().begin_micros()),
            ("1970-01-01", -1, 86_400_000_000)
        );
        assert_eq!(
            UtcDay::FIRST.begin_micros(),
            i64::from(UtcDay::FIRST.number()) * 86_400_000_000
        );
        assert_eq!(UtcDay::LAST.begin_micros(), i64::from(UtcDay::LAST.number()) * 86_400_000_000);
        assert_eq!(UtcDay::from_number(i32::MAX), None);
    }
}
