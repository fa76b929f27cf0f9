//! Conditions for the headers of a source.

use std::fmt;

use axum::http::{HeaderMap, HeaderName};
use regex_lite::Regex;

/// A rule about one header. If the header occurs several times, each value must meet the rule.
#[derive(Debug, Clone)]
pub struct Rule {
    name: HeaderName,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    Exists(bool),
    Equals(String),
    Matches(Regex),
}

impl Rule {
    /// Requires that the header exists, or that it does not exist.
    pub fn exists(name: HeaderName, exists: bool) -> Self {
        Self { name, test: Test::Exists(exists) }
    }

    /// Requires that the header equals this text.
    pub fn equals(name: HeaderName, text: &str) -> Self {
        Self { name, test: Test::Equals(text.to_owned()) }
    }

    /// Requires that the whole header matches a regular expression. The error is an invalid
    /// expression.
    pub fn matches(name: HeaderName, expression: &str) -> Result<Self, String> {
        let whole = Regex::new(&format!("^(?:{expression})$")).map_err(|error| {
            format!("{expression:?} is not a valid regular expression: {error}")
        })?;
        Ok(Self { name, test: Test::Matches(whole) })
    }

    /// Returns whether the headers meet the rule.
    pub fn holds(&self, headers: &HeaderMap) -> bool {
        let values = || headers.get_all(&self.name).iter().map(|value| value.to_str().ok());
        let each = |holds: &dyn Fn(&str) -> bool| {
            headers.contains_key(&self.name) && values().all(|value| value.is_some_and(holds))
        };
        match &self.test {
            Test::Exists(exists) => headers.contains_key(&self.name) == *exists,
            Test::Equals(text) => each(&|value| value == text),
            Test::Matches(expression) => each(&|value| expression.is_match(value)),
        }
    }
}

impl fmt::Display for Rule {
    /// Does not show the required text, because it may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.test {
            Test::Exists(true) => write!(f, "the header {name} is missing"),
            Test::Exists(false) => write!(f, "the header {name} is not allowed"),
            Test::Equals(_) | Test::Matches(_) => {
                write!(f, "the header {name} does not have the value that this source requires")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_holds_or_it_does_not() {
        let name = || HeaderName::from_static("x-event");
        let headers = |values: &[&str]| -> HeaderMap {
            values.iter().map(|value| (name(), value.parse().unwrap())).collect()
        };
        let (none, push, both) = (headers(&[]), headers(&["push"]), headers(&["push", "ping"]));
        let cases = [
            (Rule::exists(name(), true), [false, true, true]),
            (Rule::exists(name(), false), [true, false, false]),
            (Rule::equals(name(), "push"), [false, true, false]),
            (Rule::equals(name(), "Push"), [false, false, false]),
            (Rule::matches(name(), "push|ping").unwrap(), [false, true, true]),
            (Rule::matches(name(), "pus").unwrap(), [false, false, false]),
        ];
        for (rule, expected) in cases {
            assert_eq!(
                [&none, &push, &both].map(|headers| rule.holds(headers)),
                expected,
                "{rule:?}"
            );
        }
        assert!(Rule::matches(name(), "(").is_err());
    }
}
