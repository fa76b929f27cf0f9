//! The allowed dependencies between crates and between modules, and the texts of the crates, read
//! from the manifests and sources.

mod circles;
mod edges;
mod log_door;
mod texts;

use std::path::PathBuf;

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Returns the crates of `shared/` and `functions/`: the folder, and the name such as
/// `shared/store`.
fn crates() -> anyhow::Result<Vec<(PathBuf, String)>> {
    let top = root();
    let mut all = Vec::new();
    for group in ["functions", "shared"] {
        for entry in std::fs::read_dir(top.join(group))? {
            let entry = entry?;
            if entry.path().join("Cargo.toml").is_file() {
                all.push((
                    entry.path(),
                    format!("{group}/{}", entry.file_name().to_string_lossy()),
                ));
            }
        }
    }
    all.sort();
    Ok(all)
}
