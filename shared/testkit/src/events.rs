//! The events in `tests/events/`, which are also for manual tests of the functions.

use std::path::Path;

use anyhow::{Context, Result};

/// Returns the event of this name, without `.json`.
///
/// # Errors
/// When the file does not exist.
pub fn sample_event(name: &str) -> Result<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/events")
        .join(name)
        .with_extension("json");
    std::fs::read(&path).with_context(|| path.display().to_string())
}
