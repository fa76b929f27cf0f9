//! Query parameters. A handler takes each parameter once, by name and type. Parameters that are
//! left over are rejected.

use std::{fmt::Display, ops::RangeInclusive, str::FromStr};

use axum::{extract::Query, http::Uri};
use uuid::Uuid;
use weir_blob::UtcDay;
use weir_model::{Micros, excerpt};

use crate::{
    error::{ApiError, UUID_HINT},
    path_params::parse_uuid,
};

/// Number of elements of a page without `limit`.
pub(crate) const LIMIT_DEFAULT: i64 = 20;
/// Maximum number of elements of a page.
pub(crate) const LIMIT_MAX: i64 = 1000;

/// The parameters of a request that are not taken yet.
pub(crate) struct Params {
    left: Vec<(String, String)>,
    /// The names that the handler knows, for the error message.
    known: Vec<&'static str>,
}

impl Params {
    pub(crate) fn of(uri: &Uri) -> Self {
        // Every query can be split into pairs. Wrong percent escapes stay unchanged.
        let left = Query::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default();
        Self { left, known: Vec::new() }
    }

    /// Returns a text; `None` when the parameter is not given.
    pub(crate) fn text(&mut self, name: &'static str) -> Result<Option<String>, ApiError> {
        self.known.push(name);
        let Some(at) = self.left.iter().position(|(n, _)| n == name) else { return Ok(None) };
        let (_, text) = self.left.remove(at);
        if self.left.iter().any(|(n, _)| n == name) {
            return Err(ApiError::parameter(name, "is given twice", "give it once"));
        }
        // PostgreSQL's text cannot contain a NUL, so no row could match.
        if text.contains('\0') {
            return Err(ApiError::parameter(name, "contains a NUL", "remove %00 from the value"));
        }
        Ok(Some(text))
    }

    /// Returns a whole number within bounds.
    pub(crate) fn number<T: FromStr + PartialOrd + Display>(
        &mut self,
        name: &'static str,
        bounds: RangeInclusive<T>,
    ) -> Result<Option<T>, ApiError> {
        let hint =
            || format!("{name} must be a whole number from {} to {}", bounds.start(), bounds.end());
        self.read(name, hint, |text| text.parse().ok().filter(|n| bounds.contains(n)))
    }

    /// Returns an instant.
    pub(crate) fn instant(&mut self, name: &'static str) -> Result<Option<Micros>, ApiError> {
        self.read(
            name,
            || "write a time like 2025-01-31T12:00:00Z, and a + as %2B",
            Micros::from_rfc3339,
        )
    }

    /// Returns a UUID in lower or upper case.
    pub(crate) fn uuid(&mut self, name: &'static str) -> Result<Option<Uuid>, ApiError> {
        self.read(name, || UUID_HINT, parse_uuid)
    }

    /// Returns one of the given words.
    pub(crate) fn word(
        &mut self,
        name: &'static str,
        words: &[&'static str],
    ) -> Result<Option<&'static str>, ApiError> {
        let hint = || format!("{name} must be one of: {}", words.join(", "));
        self.read(name, hint, |text| words.iter().find(|word| **word == text).copied())
    }

    /// Returns a day.
    pub(crate) fn day(&mut self, name: &'static str) -> Result<Option<UtcDay>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let wrong = |fault: String| {
            ApiError::parameter(
                name,
                format_args!("is {}: {fault}", excerpt(&text)),
                "write a day like 2025-01-31",
            )
        };
        text.parse().map(Some).map_err(wrong)
    }

    /// Parses a text. `hint` is for the error message.
    fn read<T, H: Display>(
        &mut self,
        name: &'static str,
        hint: impl FnOnce() -> H,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let wrong = || ApiError::parameter(name, format_args!("is {}", excerpt(&text)), hint());
        parse(&text).map(Some).ok_or_else(wrong)
    }

    /// Returns `limit`; `None` when it is not given.
    pub(crate) fn limit(&mut self) -> Result<Option<i64>, ApiError> {
        self.number("limit", 1..=LIMIT_MAX)
    }

    /// Returns `offset`; 0 when it is not given.
    pub(crate) fn offset(&mut self) -> Result<i64, ApiError> {
        Ok(self.number("offset", 0..=i64::MAX)?.unwrap_or(0))
    }

    /// Rejects the parameters that are left. Otherwise a filter with a misspelt name would be
    /// ignored.
    pub(crate) fn done(self) -> Result<(), ApiError> {
        let hint = if self.known.is_empty() {
            "this route takes no parameters".to_owned()
        } else {
            format!("the parameters are: {}", self.known.join(", "))
        };
        self.left.first().map_or(Ok(()), |(name, _)| {
            Err(ApiError::parameter(&excerpt(name), "is not a parameter of this route", hint))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        Params::of(&format!("/x?{query}").parse().expect("a URI"))
    }

    fn fault<T>(result: Result<T, ApiError>) -> String {
        result.map(|_| ()).expect_err("refused").to_string()
    }

    #[test]
    fn each_fault_names_its_parameter() {
        for limit in ["-1", "0", "1001", "1e9", "", "99999999999999999999", "x", "+-1"] {
            assert_eq!(
                fault(params(&format!("limit={limit}")).limit()).split(' ').next(),
                Some("limit"),
                "{limit}"
            );
        }
        assert_eq!(fault(params("offset=-1").offset()), r#"offset is "-1""#);
        assert_eq!(fault(params("a=1&b=2&a=3").text("a")), "a is given twice");
        assert_eq!(fault(params("a=%00").text("a")), "a contains a NUL");
        assert_eq!(fault(params("from=yesterday").instant("from")), r#"from is "yesterday""#);
        assert_eq!(fault(params("outcome=none").word("outcome", &["any"])), r#"outcome is "none""#);
        assert_eq!(
            fault(params("entityid=1").done()),
            r#""entityid" is not a parameter of this route"#
        );
    }

    #[test]
    fn values_come_out_of_their_escapes() {
        let mut params = params("topic=a%20b+c&from=2012-04-23T20:25:43%2B02:00&limit=7");
        assert_eq!(params.text("topic").unwrap().as_deref(), Some("a b c"));
        assert_eq!(params.instant("from").unwrap(), Micros::from_rfc3339("2012-04-23T18:25:43Z"));
        assert_eq!(params.limit().unwrap(), Some(7));
        assert_eq!(params.offset().unwrap(), 0);
        params.done().unwrap();
    }
}
