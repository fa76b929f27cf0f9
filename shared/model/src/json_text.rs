//! JSON that PostgreSQL's `jsonb` refuses.
//!
//! The log stores `payload` as `json`, which accepts any valid JSON. But SQL operators on a payload
//! follow the rules of `jsonb`, and a single row that `jsonb` refuses would fail the whole query.
//! Weir stores such a value in `raw` instead.
//!
//! The rules are those of PostgreSQL's `jsonb_in` and `numeric_in`. `jsonb_in` refuses `\u0000`,
//! and surrogates that are not pairs. `numeric_in` accepts 131,072 digits before the point and
//! 16,383 after it.

/// Maximum nesting depth of a `payload`. PostgreSQL's parsers are recursive, and their stack
/// (`max_stack_depth`, 2 MB by default) allows about 6,000 levels. Functions that call a parser
/// need a part of the stack.
pub const DEPTH_MAX: usize = 1_000;
/// Maximum digits before the point, slightly below `numeric`'s own limit.
const INTEGER_DIGITS_MAX: i64 = 131_000;
/// Maximum digits after the point, slightly below `numeric`'s own limit.
const FRACTION_DIGITS_MAX: i64 = 16_300;
/// A number in a text up to this length is only out of range with an exponent of at least three
/// digits.
const QUICK_BYTES_MAX: usize = 16_000;

/// Returns whether `jsonb` would refuse this valid JSON text.
///
/// The limits here are slightly below PostgreSQL's. So the function may return true for a number or
/// a depth just under PostgreSQL's limit, but never false for one above it.
pub fn refused_by_jsonb(json: &str) -> bool {
    suspicious(json) && refused(json.as_bytes())
}

/// A quick check, fast enough for every value. If it finds nothing, `jsonb` accepts the text.
fn suspicious(json: &str) -> bool {
    let bytes = json.as_bytes();
    // A number out of range needs a text longer than `QUICK_BYTES_MAX`, or an exponent of two
    // digits with a sign, or an exponent of three digits. The escapes that jsonb refuses begin with
    // `\u000` or `\ud`. Every position is checked for every case without a branch, so that the
    // compiler uses SIMD.
    let found = bytes.array_windows().fold(0, |found: u8, &[a, b, c, d, e]| {
        let number = u8::from(a.is_ascii_digit())
            & u8::from(b | 0x20 == b'e')
            & u8::from(d.is_ascii_digit())
            & u8::from(e.is_ascii_digit());
        let zeros = u8::from(c == b'0') & u8::from(d == b'0') & u8::from(e == b'0');
        let escape =
            u8::from(a == b'\\') & u8::from(b == b'u') & (zeros | u8::from(c | 0x20 == b'd'));
        found | number | escape
    });
    found != 0
        || bytes.len() > QUICK_BYTES_MAX
        || (bytes.len() >= 2 * DEPTH_MAX && opened(bytes) > DEPTH_MAX)
}

fn opened(bytes: &[u8]) -> usize {
    bytes.iter().filter(|b| matches!(b, b'[' | b'{')).count()
}

fn refused(bytes: &[u8]) -> bool {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => match string_end(bytes, at + 1) {
                Some(end) => at = end,
                None => return true,
            },
            b'[' | b'{' => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'-' | b'0'..=b'9' => {
                let length = bytes[at..]
                    .iter()
                    .take_while(|b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
                    .count();
                if !number_fits(&bytes[at..at + length]) {
                    return true;
                }
                at += length - 1;
            }
            _ => {}
        }
        at += 1;
    }
    false
}

/// Returns the position of the closing quote, or `None` when `jsonb` refuses the text.
fn string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' if bytes.get(at + 1) == Some(&b'u') => match unit(bytes, at)? {
                0 | 0xDC00..=0xDFFF => return None,
                0xD800..=0xDBFF => {
                    let low = unit(bytes, at + 6)?;
                    if !(0xDC00..=0xDFFF).contains(&low) {
                        return None;
                    }
                    at += 12;
                }
                _ => at += 6,
            },
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Returns the code unit of the `\uXXXX` at `at`.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let escape = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(escape).ok()?, 16).ok()
}

fn number_fits(token: &[u8]) -> bool {
    let exponent_at = token.iter().position(|b| matches!(b, b'e' | b'E'));
    let (mantissa, exponent) = token.split_at(exponent_at.unwrap_or(token.len()));
    let point = mantissa.iter().position(|b| *b == b'.').unwrap_or(mantissa.len());
    let (Ok(integer_digits), Ok(fraction_digits)) =
        (i64::try_from(point), i64::try_from((mantissa.len() - point).saturating_sub(1)))
    else {
        return false;
    };
    let exponent = match std::str::from_utf8(exponent.get(1..).unwrap_or(b"0")) {
        Ok(text) => text.parse::<i64>().unwrap_or(i64::MAX / 4),
        Err(_) => return false,
    };
    integer_digits.saturating_add(exponent) <= INTEGER_DIGITS_MAX
        && fraction_digits.saturating_sub(exponent) <= FRACTION_DIGITS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_jsonb_refuses_is_noticed() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let long = "9".repeat(140_000);
        for json in [
            r#"{"a":"\u0000"}"#,
            r#"["\ud800"]"#,
            r#"["\udc00"]"#,
            r#"["\ud800\u0041"]"#,
            r#"["\ud800x\udc00"]"#,
            "1e200000",
            "-1E+200000",
            "1e-20000",
            r#"{"\u0000":1}"#,
            "1e99999999999999999999",
            "1e-99999999999999999999",
            &deep,
            &long,
        ] {
            assert!(refused_by_jsonb(json), "{}", &json[..json.len().min(40)]);
        }
    }

    #[test]
    fn what_jsonb_takes_is_let_through() {
        for json in [
            r#"{"a":"\\u0000"}"#,
            r#"["\ud83d\ude00"]"#,
            "1e400",
            "1.5e-300",
            r#"{"id":"3e99999999"}"#,
            r#""\u0001""#,
            "null",
            r#"["\"\\"]"#,
            "0",
            "",
        ] {
            assert!(!refused_by_jsonb(json), "{json}");
        }
        let nested = format!("{}{}", "[".repeat(900), "]".repeat(900));
        assert!(!refused_by_jsonb(&nested));
    }
}
