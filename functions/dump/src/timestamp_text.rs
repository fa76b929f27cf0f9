//! Timestamps as text: RFC 3339 in UTC with milliseconds. Timestamps that are not a multiple of
//! 1,000 microseconds have microseconds. Years after 9999 and before 0 are written as the expanded
//! years of ISO 8601.

use weir_model::time::{DAY_MICROS, POSTGRES_EPOCH_MICROS, date_of, days_since_1970};

/// 2000-01-01 in days since 1970, the zero of PostgreSQL's timestamps.
const POSTGRES_EPOCH_DAY: i64 = POSTGRES_EPOCH_MICROS / DAY_MICROS;

/// Writes timestamps. It keeps the text of the last day, because neighbouring rows mostly have the
/// same day.
#[derive(Default)]
pub(crate) struct TimestampWriter {
    day: Option<i64>,
    date: Vec<u8>,
}

impl TimestampWriter {
    /// Appends a timestamp as text without quotes. `since_2000` is PostgreSQL's count of
    /// microseconds since 2000.
    pub(crate) fn append(&mut self, out: &mut Vec<u8>, since_2000: i64) {
        match since_2000 {
            i64::MAX => return out.extend_from_slice(b"infinity"),
            i64::MIN => return out.extend_from_slice(b"-infinity"),
            _ => {}
        }
        let day = since_2000.div_euclid(DAY_MICROS);
        let micros = since_2000.rem_euclid(DAY_MICROS);
        if self.day != Some(day) {
            self.date.clear();
            append_date(&mut self.date, day + POSTGRES_EPOCH_DAY);
            self.day = Some(day);
        }
        out.extend_from_slice(&self.date);
        let seconds = micros / 1_000_000;
        let (hour, minute, second, fraction) =
            (seconds / 3600, seconds / 60 % 60, seconds % 60, micros % 1_000_000);
        let two = |n: i64| [digit(n / 10), digit(n)];
        let ([h1, h2], [m1, m2], [s1, s2]) = (two(hour), two(minute), two(second));
        out.extend_from_slice(&[b'T', h1, h2, b':', m1, m2, b':', s1, s2, b'.']);
        out.extend_from_slice(&[
            digit(fraction / 100_000),
            digit(fraction / 10_000),
            digit(fraction / 1000),
        ]);
        if fraction % 1000 != 0 {
            out.extend_from_slice(&[digit(fraction / 100), digit(fraction / 10), digit(fraction)]);
        }
        out.push(b'Z');
    }
}

fn digit(n: i64) -> u8 {
    b'0' + u8::try_from(n % 10).unwrap_or(0)
}

/// Appends the date of a day counted since 1970.
fn append_date(out: &mut Vec<u8>, day: i64) {
    let (year, month, day) = date_of(day);
    let text =
        if (0..=9999).contains(&year) { format!("{year:04}") } else { format!("{year:+07}") };
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(&[
        b'-',
        digit(month / 10),
        digit(month),
        b'-',
        digit(day / 10),
        digit(day),
    ]);
}

/// Reads a text of [`TimestampWriter`]. Returns microseconds since 2000.
pub(crate) fn parse(text: &str) -> Option<i64> {
    match text {
        "infinity" => return Some(i64::MAX),
        "-infinity" => return Some(i64::MIN),
        _ => {}
    }
    let (date, time) = text.split_once('T')?;
    let time = time.strip_suffix('Z')?;
    let (rest, day) = date.rsplit_once('-')?;
    let (year, month) = rest.rsplit_once('-')?;
    let number = |text: &str, range: std::ops::RangeInclusive<i64>| {
        let digits = text.bytes().all(|b| b.is_ascii_digit()) && text.len() == 2;
        text.parse::<i64>().ok().filter(|n| digits && range.contains(n))
    };
    // The limit is the number of digits that the writer can write. A longer year would overflow.
    let year = year.parse::<i64>().ok().filter(|year| (-999_999..=999_999).contains(year))?;
    let (month, day) = (number(month, 1..=12)?, number(day, 1..=31)?);
    let (clock, fraction) = time.split_once('.')?;
    let mut parts = clock.split(':');
    let (hour, minute, second) = (
        number(parts.next()?, 0..=23)?,
        number(parts.next()?, 0..=59)?,
        number(parts.next()?, 0..=59)?,
    );
    if parts.next().is_some()
        || !matches!(fraction.len(), 3 | 6)
        || !fraction.bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let micros = fraction.parse::<i64>().ok()? * if fraction.len() == 3 { 1000 } else { 1 };
    let days = days_since_1970(year, month, day) - POSTGRES_EPOCH_DAY;
    days.checked_mul(DAY_MICROS)?
        .checked_add(((hour * 60 + minute) * 60 + second) * 1_000_000 + micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(since_1970: i64) -> String {
        let mut out = Vec::new();
        TimestampWriter::default().append(&mut out, since_1970 - POSTGRES_EPOCH_MICROS);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn timestamps_are_written_as_the_api_writes_them() {
        assert_eq!(text(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(1_335_205_543_511_000), "2012-04-23T18:25:43.511Z");
        assert_eq!(text(1_335_205_543_511_999), "2012-04-23T18:25:43.511999Z");
        assert_eq!(text(-1), "1969-12-31T23:59:59.999999Z");
        assert_eq!(text(-62_167_219_200_000_000), "0000-01-01T00:00:00.000Z");
        assert_eq!(text(253_402_300_799_999_000), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn every_timestamp_of_postgresql_is_read_as_it_is_written() {
        let mut writer = TimestampWriter::default();
        let odd = [i64::MIN, i64::MAX, 0, -1, 9_223_371_331_199_999_999, -211_813_488_000_000_000];
        let many = (0..20_000).map(|n| n * 461_168_601_842_738 - 211_813_488_000_000_000);
        for micros in odd.into_iter().chain(many) {
            let mut out = Vec::new();
            writer.append(&mut out, micros);
            let text = String::from_utf8(out).unwrap();
            assert_eq!(parse(&text), Some(micros), "{text}");
        }
        for text in [
            "",
            "2012-04-23",
            "2012-04-23T18:25:43Z",
            "2012-04-23T18:25:43.5Z",
            "2012-13-23T18:25:43.511Z",
            "2012-04-23T24:00:00.000Z",
            "+9223372036854775807-04-23T18:25:43.511Z",
            "-9223372036854775808-04-23T18:25:43.511Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
