//! Files of events: each value of one becomes a record that says where it came from, so that a file that is read twice gives
//! the same records.

mod csv;
mod rules;
mod unfold;

use weir_kafka::OutgoingHeader;

use crate::{
    body::ByteSource,
    intake::{Ended, IntakeRun, Report, Target},
    splitting::{Found, Framing, Splitter, VALUE_BYTES_MAX, ValuePlace},
};
use csv::Csv;
pub use rules::{FileRule, FileRules};
use unfold::Unfold;

/// Header with the file's name: the object's key, or the path below the folder.
pub const FILE: &str = "weir_file";
/// Header with the version of the object, where its bucket keeps versions.
pub const VERSION: &str = "weir_file_version";
/// Header with the line in it.
pub const LINE: &str = "weir_file_line";

/// So many values are sent until Kafka's word on them is waited for.
const STEP: u64 = 50_000;

/// A file.
#[derive(Debug, Clone)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Its version, where there is one.
    pub version: Option<String>,
    /// When it was last changed, milliseconds since 1970: the timestamp of its records.
    pub modified_ms: Option<i64>,
}

/// How the values of a file follow one another, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Values(Framing),
    Csv,
}

impl Format {
    fn of(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        match name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("csv") => Self::Csv,
            Some("json") => Self::Values(Framing::ObjectsOrArray),
            _ => Self::Values(Framing::Lines),
        }
    }
}

/// Sends every value of a file but the first `done`. `step` is told now and then how many are in Kafka, the `done` ones
/// included.
pub async fn collect(target: &Target, source: Box<dyn ByteSource>, file: &File, done: u64, step: &mut (dyn FnMut(u64) + Send)) -> Report {
    let mut run = IntakeRun::new(target);
    let mut source: Box<dyn ByteSource> = Box::new(Unfold::new(source));
    let framing = match Format::of(&file.name) {
        Format::Values(framing) => framing,
        Format::Csv => {
            source = Box::new(Csv::new(source));
            Framing::Lines
        }
    };
    let mut splitter = Splitter::new(framing);
    let mut seen = 0;
    loop {
        let piece = match source.next().await {
            Ok(piece) => piece,
            Err(fault) => {
                run.broken(Ended::Body(fault));
                break;
            }
        };
        let is_end = piece.is_none();
        splitter.push(&piece.unwrap_or_default());
        let (buffer, scan) = splitter.parts();
        let mut go_on = true;
        while let Some(found) = scan.next(buffer).or_else(|| if is_end { scan.end(buffer) } else { None }) {
            seen += 1;
            if seen <= done && !matches!(found, Found::Broken(..)) {
                continue;
            }
            go_on = send(&mut run, file, buffer, found).await;
            if go_on && seen % STEP == 0 {
                go_on = run.settled().await;
                if go_on {
                    step(seen);
                }
            }
            if !go_on {
                break;
            }
        }
        if is_end || !go_on {
            break;
        }
    }
    let report = run.end().await;
    if matches!(report.ended, Ended::Whole) {
        step(seen);
    }
    report
}

async fn send(run: &mut IntakeRun<'_>, file: &File, buffer: &[u8], found: Found) -> bool {
    let (range, place) = match found {
        Found::Value(range, place) => (range, place),
        Found::TooLong(place) => {
            run.refuse(place, &format!("it is longer than {VALUE_BYTES_MAX} bytes"));
            return true;
        }
        Found::Broken(place, reason) => {
            run.broken(Ended::Malformed { place, reason });
            return false;
        }
    };
    let Ok(value) = std::str::from_utf8(&buffer[range]) else {
        run.refuse(place, "it is not UTF-8");
        return true;
    };
    run.as_it_is(place, value, &origin(file, place), file.modified_ms).await
}

fn origin(file: &File, place: ValuePlace) -> Vec<OutgoingHeader<'_>> {
    let mut headers: Vec<OutgoingHeader<'_>> = vec![(FILE.into(), Some(file.name.as_bytes().into()))];
    headers.extend(file.version.as_ref().map(|version| (VERSION.into(), Some(version.as_bytes().into()))));
    headers.push((LINE.into(), Some(place.line.to_string().into_bytes().into())));
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_what_is_in_it() {
        for (name, format) in [
            ("a/b.ndjson", Format::Values(Framing::Lines)),
            ("a.jsonl.gz", Format::Values(Framing::Lines)),
            ("a.csv/b", Format::Values(Framing::Lines)),
            ("A.CSV", Format::Csv),
            ("a.csv.GZ", Format::Csv),
            ("a.json", Format::Values(Framing::ObjectsOrArray)),
            ("a", Format::Values(Framing::Lines)),
        ] {
            assert_eq!(Format::of(name), format, "{name}");
        }
    }
}
