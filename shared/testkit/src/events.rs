//! The events in `tests/events/`, with which people try the functions by hand.

use std::path::Path;

use anyhow::{Context, Result};

/// The event of this name, without `.json`.
///
/// # Errors
/// When there is none.
pub fn sample_event(name: &str) -> Result<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/events")
        .join(name)
        .with_extension("json");
    std::fs::read(&path).with_context(|| path.display().to_string())
}
