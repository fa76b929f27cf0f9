//! The current time.

use weir_model::Micros;

/// Returns the current time.
#[expect(clippy::disallowed_methods, reason = "this code reads the system clock")]
pub(crate) fn now() -> Micros {
    Micros(jiff::Timestamp::now().as_microsecond())
}
