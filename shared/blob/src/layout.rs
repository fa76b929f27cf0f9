//! Names of folders and files: `<model>/dt=YYYY-MM-DD/`, as Hive names its partitions. A day of the
//! log contains a folder for each topic.

use crate::{Format, UtcDay};

/// The name of the manifest in the folder of a day.
pub const MANIFEST: &str = "manifest.json";

/// Returns the folder of a day.
pub fn day(model: &str, day: UtcDay) -> String {
    format!("{model}/dt={day}")
}

/// Returns the day of a folder name `dt=YYYY-MM-DD`, the last part of a day's path.
pub fn day_of(folder: &str) -> Option<UtcDay> {
    folder.strip_prefix("dt=")?.parse().ok()
}

/// Returns the name of a file within the folder of its day.
pub fn file(topic: Option<&str>, format: Format) -> String {
    let name = format!("part-00000.{}", format.extension());
    match topic {
        Some(topic) => format!("topic={topic}/{name}"),
        None => name,
    }
}

/// Returns whether a dump can contain a file of this name within the folder of a day. A client can
/// read no other files.
pub fn is_file(name: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    let (folder, name) =
        name.rsplit_once('/').map_or((None, name), |(folder, name)| (Some(folder), name));
    let folder = folder.is_none_or(|f| {
        f.strip_prefix("topic=").is_some_and(|t| plain(t) && !matches!(t, "." | ".."))
    });
    folder && plain(name) && (name == MANIFEST || name.starts_with("part-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_contract() {
        let day = "2026-01-02".parse().unwrap();
        assert_eq!(super::day("readings", day), "readings/dt=2026-01-02");
        assert_eq!(file(None, Format::Json), "part-00000.json.gz");
        assert_eq!(file(Some("a.b"), Format::Parquet), "topic=a.b/part-00000.parquet");
        assert_eq!(
            (day_of("dt=2026-01-02"), day_of("dt=2026-02-30"), day_of("x")),
            (Some(day), None, None)
        );
    }

    #[test]
    fn nothing_else_is_a_file_of_a_dump() {
        for name in ["part-00000.json.gz", "manifest.json", "topic=build_events/part-00000.parquet"]
        {
            assert!(is_file(name), "{name}");
        }
        for name in [
            "",
            "..",
            "x",
            "../part-0",
            "topic=../part-0",
            "topic=a/b/part-0",
            "part-/../x",
            "topic=/part-0",
            "part-0#1",
        ] {
            assert!(!is_file(name), "{name}");
        }
    }
}
