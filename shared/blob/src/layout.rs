//! Names of the files of a dump.
//!
//! A folder `<model>/<format>/` is one table in one format. Its folders are named as Hive names its
//! partitions: `dt=YYYY-MM-DD`, and `topic=T` below it for the log. Manifests are outside of the
//! tables, in `_manifests/`, because a reader of a table reads each file that it finds.

use clap::ValueEnum;

use crate::{Format, UtcDay};

/// Readers of tables skip a folder whose name begins with `_`.
const MANIFESTS: &str = "_manifests";

/// The layout of a dumped day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// The layout of all dumps that are written: `<model>/<format>/dt=D/` and
    /// `_manifests/<model>/dt=D.json`.
    Tables,
    /// The layout of the first version, which is only read: all formats of a day and
    /// `manifest.json` in `<model>/dt=D/`.
    Days,
}

impl Layout {
    /// All layouts, in the order in which a manifest is looked for.
    pub const ALL: [Self; 2] = [Self::Tables, Self::Days];

    /// Returns the path of the manifest of a day.
    pub fn manifest(self, model: &str, day: UtcDay) -> String {
        match self {
            Self::Tables => format!("{MANIFESTS}/{model}/dt={day}.json"),
            Self::Days => format!("{model}/dt={day}/manifest.json"),
        }
    }

    /// Returns the folder to which the names of files in a manifest are relative.
    pub(crate) fn base(self, model: &str, day: UtcDay) -> String {
        match self {
            Self::Tables => model.to_owned(),
            Self::Days => format!("{model}/dt={day}"),
        }
    }
}

/// Returns the name of a file as in a manifest: its path below the folder of the model.
pub fn file(format: Format, day: UtcDay, topic: Option<&str>) -> String {
    let (folder, extension) = (format.folder(), format.extension());
    match topic {
        Some(topic) => format!("{folder}/dt={day}/topic={topic}/part-00000.{extension}"),
        None => format!("{folder}/dt={day}/part-00000.{extension}"),
    }
}

/// Returns each folder that can contain files of a day, in any layout and format.
pub fn folders(model: &str, day: UtcDay) -> Vec<String> {
    let tables = Format::value_variants().iter();
    let tables = tables.map(|format| format!("{model}/{}/dt={day}", format.folder()));
    tables.chain([Layout::Days.base(model, day)]).collect()
}

/// Returns whether a path is that of a file with rows.
pub fn has_rows(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with("part-"))
}

/// Returns the folder of a model's manifests.
pub(crate) fn manifests(model: &str) -> String {
    format!("{MANIFESTS}/{model}")
}

/// Returns the day of a manifest by its name `dt=YYYY-MM-DD.json`.
pub(crate) fn day_of_manifest(name: &str) -> Option<UtcDay> {
    day_of_folder(name.strip_suffix(".json")?)
}

/// Returns the day of a folder name `dt=YYYY-MM-DD`.
pub(crate) fn day_of_folder(name: &str) -> Option<UtcDay> {
    name.strip_prefix("dt=")?.parse().ok()
}

/// Returns whether a manifest of a dump can name this file. So no path leads out of the folder.
pub(crate) fn is_file(name: &str) -> bool {
    let plain = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'='))
    };
    name.split('/').all(plain) && has_rows(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_contract() {
        let day = "2026-01-02".parse().unwrap();
        assert_eq!(file(Format::Json, day, None), "json/dt=2026-01-02/part-00000.json.gz");
        assert_eq!(
            file(Format::Parquet, day, Some("a.b")),
            "parquet/dt=2026-01-02/topic=a.b/part-00000.parquet"
        );
        assert_eq!(
            Layout::ALL.map(|layout| layout.manifest("readings", day)),
            ["_manifests/readings/dt=2026-01-02.json", "readings/dt=2026-01-02/manifest.json"]
        );
        assert_eq!(
            folders("readings", day),
            ["json/dt", "csv/dt", "parquet/dt", "dt"].map(|f| format!("readings/{f}=2026-01-02"))
        );
        assert_eq!(
            ["dt=2026-01-02.json", "dt=2026-02-30.json", "dt=2026-01-02"].map(day_of_manifest),
            [Some(day), None, None]
        );
    }

    #[test]
    fn nothing_else_is_a_file_of_a_dump() {
        for name in [
            "part-00000.json.gz",
            "topic=build_events/part-00000.parquet",
            "csv/dt=2026-01-02/part-00000.csv.gz",
            "parquet/dt=2026-01-02/topic=a.b-c/part-00000.parquet",
        ] {
            assert!(is_file(name), "{name}");
        }
        for name in [
            "",
            "..",
            "x",
            "manifest.json",
            "../part-0",
            "/part-0",
            "topic=a//part-0",
            "parquet/../part-0",
            "./part-0",
            "part-/../x",
            "part-0#1",
            "part-0%2f",
        ] {
            assert!(!is_file(name), "{name}");
        }
    }
}
