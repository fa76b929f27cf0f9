//! Tests the check for JSON that `jsonb` refuses, with pieces of which the result is known.

use proptest::prelude::*;
use weir_model::json_text::{DEPTH_MAX, refused_by_jsonb};

/// Returns a piece of valid JSON and whether jsonb refuses it. No number is close below the limit,
/// where the check may be too strict.
fn piece() -> impl Strategy<Value = (String, bool)> {
    let text = proptest::collection::vec(string_part(), 0..6).prop_map(|parts| {
        let refused = parts.iter().any(|p| p.1);
        (format!("\"{}\"", parts.into_iter().map(|p| p.0).collect::<String>()), refused)
    });
    prop_oneof![text, number(), Just(("null".to_owned(), false)), Just(("true".to_owned(), false))]
}

fn string_part() -> impl Strategy<Value = (String, bool)> {
    prop_oneof![
        4 => "[a-zé0-9 eE{}\\[\\]:,.+-]{0,12}".prop_map(|t| (t, false)),
        1 => prop::sample::select(vec![
            (r"\\", false), (r#"\""#, false), (r"\n", false), (r"\/", false), (r"\\u0000", false), (r"\\ud800", false),
            (r"\u0001", false), (r"\u00e9", false), (r"\ud83d\ude00", false), (r"\uD83D\uDE00", false), (r"\ue000", false), (r"\ud7ff", false),
            // After each escape that begins a pair follows something that does not end one.
            (r"\u0000", true), (r"\ud800-", true), (r"\uDBFF\n", true), (r"\udc00", true), (r"\ud800\u0041", true), (r"\ud83d\\ude00", true),
        ]).prop_map(|(t, refused)| (t.to_owned(), refused)),
    ]
}

fn number() -> impl Strategy<Value = (String, bool)> {
    let mantissa = prop::sample::select(vec!["1", "-1", "0.5", "123.456", "9e0"]);
    let exponent = prop::sample::select(vec![
        0_i64,
        7,
        99,
        400,
        999,
        10_000,
        15_000,
        130_000,
        140_000,
        200_000,
        99_999_999_999,
        -7,
        -400,
        -15_000,
        -17_000,
        -200_000,
    ]);
    (mantissa, exponent, any::<bool>(), any::<bool>()).prop_map(
        |(mantissa, exponent, upper, sign)| {
            let refused = !(-16_000..=131_000).contains(&exponent);
            if exponent == 0 || mantissa.contains('e') {
                return (mantissa.to_owned(), false);
            }
            let sign = if sign && exponent > 0 { "+" } else { "" };
            (format!("{mantissa}{}{sign}{exponent}", if upper { 'E' } else { 'e' }), refused)
        },
    )
}

/// Returns valid JSON with pieces in objects and lists, nested.
fn document() -> impl Strategy<Value = (String, bool)> {
    piece().prop_recursive(4, 40, 5, |inner| {
        let list = proptest::collection::vec(inner.clone(), 0..5).prop_map(|all| {
            let refused = all.iter().any(|p| p.1);
            (format!("[{}]", all.into_iter().map(|p| p.0).collect::<Vec<_>>().join(" , ")), refused)
        });
        let name = proptest::collection::vec(string_part(), 1..3);
        let object = proptest::collection::vec((name, inner), 0..4).prop_map(|all| {
            let refused = all.iter().any(|(name, value)| value.1 || name.iter().any(|p| p.1));
            let member = |(name, value): &(Vec<(String, bool)>, (String, bool))| {
                format!("\"{}\":{}", name.iter().map(|p| p.0.as_str()).collect::<String>(), value.0)
            };
            (format!("{{{}}}", all.iter().map(member).collect::<Vec<_>>().join(",")), refused)
        });
        prop_oneof![list, object]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_verdict_is_that_of_the_pieces((json, refused) in document()) {
        prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&json).is_ok(), "{} is not JSON", json);
        prop_assert_eq!(refused_by_jsonb(&json), refused, "{}", json);
    }

    #[test]
    fn the_quick_look_never_hides_a_fault((json, refused) in document()) {
        // The long text skips the quick check, so both paths are compared.
        let long = format!("{json}{}", " ".repeat(20_000));
        prop_assert_eq!(refused_by_jsonb(&long), refused, "{}", json);
        prop_assert_eq!(refused_by_jsonb(&json), refused_by_jsonb(&long));
    }

    #[test]
    fn no_text_panics(text in "[\\\\u0dDeE\"\\[{}+.9-]{0,60}") {
        let _ = refused_by_jsonb(&text);
    }
}

#[test]
fn depth_is_counted_outside_of_texts() {
    let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert!(!refused_by_jsonb(&nested(DEPTH_MAX)));
    assert!(refused_by_jsonb(&nested(DEPTH_MAX + 1)));
    assert!(!refused_by_jsonb(&format!("[\"{}\"]", "[".repeat(5_000))));
    assert!(!refused_by_jsonb(&format!("[{}]", vec!["[]"; 5_000].join(","))));
    let objects = format!("{}1{}", r#"{"a":"#.repeat(DEPTH_MAX + 1), "}".repeat(DEPTH_MAX + 1));
    assert!(refused_by_jsonb(&objects));
}

#[test]
fn digits_are_counted_without_an_exponent_too() {
    for (json, refused) in [
        ("9".repeat(15_000), false),
        ("9".repeat(131_000), false),
        ("9".repeat(131_073), true),
        (format!("0.{}", "1".repeat(16_300)), false),
        (format!("0.{}", "1".repeat(16_384)), true),
        (format!("{}e2", "9".repeat(131_072)), true),
        (format!("0.{}e-99", "1".repeat(16_290)), true),
        (format!("0.{}e5000", "1".repeat(20_000)), false),
    ] {
        assert_eq!(refused_by_jsonb(&json), refused, "{} bytes", json.len());
    }
}
