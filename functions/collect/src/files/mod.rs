//! Files of events: each value of one becomes a record that says where it came from, so that a file
//! that is read twice gives the same records. What is no value is kept in the same topic as the
//! bytes that it is, with the reason: nothing of a file is passed over.

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

/// So much of a file says what it is.
const START_BYTES: usize = 512;

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

/// Sends everything that a file holds but the first `done` values. `step` is told now and then how
/// many are in Kafka, the `done` ones included. What could not be read is in the report's list,
/// that of the first `done` too, and in Kafka.
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
            // Why it was over is in the report.
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

/// What comes behind the start of a file.
type Next = Result<Option<Bytes>, BodyFault>;

/// The first bytes of a file, and what comes behind them where that was asked for.
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

/// The error is why the source could not be read; nothing where no more can be sent.
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

/// As often as the file is read, it stays so.
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
