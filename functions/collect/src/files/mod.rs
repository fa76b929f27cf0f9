//! Reads files of events.
//!
//! Each value becomes a record with its file, version and line in headers, so that reading a file
//! twice gives the same records. Bytes that are not a valid value are sent to the same topic
//! unchanged, with the reason. No byte of a file is lost.

mod csv;
mod reader;
mod reading;
mod records;
mod rules;
mod text;
mod unfold;

use bytes::Bytes;

use crate::{
    body::{BodyFault, ByteSource},
    intake::{Ended, Over, Report, Target},
    splitting::Framing,
};
use reader::FileReader;
pub use reading::{CellType, ColumnType, FileReading};
use records::Records;
pub use records::{FILE, LINE, VERSION};
pub use rules::{FileRule, FileRules};
use unfold::Unfold;

/// The number of bytes that are read to detect the file's type.
const START_BYTES: usize = 512;

/// The name and the version of a file.
#[derive(Debug, Clone)]
pub struct File {
    /// The object's key, or the path below the folder.
    pub name: String,
    /// The object's version, in a bucket that keeps versions.
    pub version: Option<String>,
    /// The time of the last change, in milliseconds since 1970. The records get it as their
    /// timestamp.
    pub modified_ms: Option<i64>,
}

/// Returns how the values of a file are separated, by the file's extension.
fn framing(name: &str) -> Framing {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("csv") => Framing::Csv(None),
        Some("tsv") => Framing::Csv(Some(b'\t')),
        Some("json") => Framing::ObjectsOrArray,
        _ => Framing::Lines,
    }
}

/// Sends all records of a file except the first `done` ones.
///
/// `step` is called from time to time with the number of records that are in Kafka, including the
/// first `done` ones. The report lists all unreadable parts, also those among the first `done`
/// records.
pub async fn collect(
    target: &Target,
    source: Box<dyn ByteSource>,
    file: &File,
    reading: &FileReading,
    done: u64,
    step: &mut (dyn FnMut(u64) + Send),
) -> Report {
    let records = Records::new(target, file, done, step);
    let mut unfold = Unfold::new(source);
    let (start, next) = match start(&mut unfold).await {
        Ok(start) => start,
        Err(fault) => return failed(records, fault).await,
    };
    let (mut reader, mark) = FileReader::new(&start, framing(&file.name), reading, records);
    let read = read(&mut reader, &mut unfold, start.slice(mark..), next).await;
    match read {
        Ok(()) => {
            // The report has the reason for an early end.
            let (records, _) = reader.end().await;
            records.end().await
        }
        Err(Some(fault)) => failed(reader.into_records(), fault).await,
        Err(None) => reader.into_records().end().await,
    }
}

async fn failed(mut records: Records<'_, '_>, fault: BodyFault) -> Report {
    records.broken(Ended::Body(fault));
    records.end().await
}

/// The result of one read: bytes, `None` at the end, or a fault.
type Next = Result<Option<Bytes>, BodyFault>;

/// Returns the first bytes of a file. If the file ends or has a fault within these bytes, also
/// returns the result of that read.
async fn start(unfold: &mut Unfold) -> Result<(Bytes, Option<Next>), BodyFault> {
    let mut start = Vec::new();
    while start.len() < START_BYTES {
        match unfold.next().await {
            Ok(Some(piece)) => start.extend_from_slice(&piece),
            Err(fault) if !is_folding(&fault) => return Err(fault),
            ended => return Ok((start.into(), Some(ended))),
        }
    }
    Ok((start.into(), None))
}

/// The error is the reason why the source cannot be read, or `None` when nothing more can be sent.
async fn read(
    reader: &mut FileReader<'_, '_>,
    unfold: &mut Unfold,
    start: Bytes,
    next: Option<Next>,
) -> Result<(), Option<BodyFault>> {
    reader.piece(&start, false).await.map_err(|Over| None)?;
    let mut next = match next {
        Some(next) => next,
        None => unfold.next().await,
    };
    let fault = loop {
        match next {
            Ok(Some(piece)) => reader.piece(&piece, false).await.map_err(|Over| None)?,
            Ok(None) => return reader.piece(&[], true).await.map_err(|Over| None),
            Err(fault) if is_folding(&fault) => break fault,
            Err(fault) => return Err(Some(fault)),
        }
        next = unfold.next().await;
    };
    reader.cut(&fault.to_string()).await.map_err(|Over| None)?;
    while let Some(piece) = unfold.next_folded().await.map_err(Some)? {
        reader.piece(&piece, false).await.map_err(|Over| None)?;
    }
    Ok(())
}

/// Returns whether the fault is in the file itself, so that reading it again gives the same fault.
fn is_folding(fault: &BodyFault) -> bool {
    matches!(fault, BodyFault::NotGzip(_) | BodyFault::Bomb { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_what_is_in_it() {
        for (name, expected) in [
            ("a/b.ndjson", Framing::Lines),
            ("a.jsonl.gz", Framing::Lines),
            ("a.csv/b", Framing::Lines),
            ("A.CSV", Framing::Csv(None)),
            ("a.csv.GZ", Framing::Csv(None)),
            ("a.tsv", Framing::Csv(Some(b'\t'))),
            ("a.json", Framing::ObjectsOrArray),
            ("a", Framing::Lines),
        ] {
            assert_eq!(framing(name), expected, "{name}");
        }
    }
}
