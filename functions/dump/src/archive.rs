//! What the archive needs to know about a file of the log: the records of each partition, and the
//! times of the events.

use std::collections::BTreeMap;

use weir_blob::{Manifest, ManifestFile};
use weir_model::{Micros, time::POSTGRES_EPOCH_MICROS};
use weir_store::archive::{NewFile, NewRange};

use crate::{
    DumpError,
    copy_format::{Batch, Fields, PartitionId, int4, int8},
    table::DumpTable,
};

/// Collects the records of a file.
pub(crate) struct FileStats {
    fields: usize,
    /// The indexes of stream, partition, offset and event time.
    places: [usize; 4],
    ranges: BTreeMap<PartitionId, NewRange>,
    times: Option<(Micros, Micros)>,
}

impl FileStats {
    /// Returns `None` for a table that has not the columns of the log.
    pub(crate) fn of(table: &DumpTable) -> Option<Self> {
        let [stream, partition, offset] = table.position()?;
        let time = table.columns.iter().position(|column| column.name == "event_time")?;
        let places = [stream, partition, offset, time];
        Some(Self { fields: table.columns.len(), places, ranges: BTreeMap::new(), times: None })
    }

    pub(crate) fn add(&mut self, batch: &Batch) -> Result<(), DumpError> {
        let mut rows = Fields::new(&batch.data);
        while rows.next_row(self.fields)? {
            let mut found = [None; 4];
            for place in 0..self.fields {
                let field = rows.next_field()?;
                if let Some(n) = self.places.iter().position(|wanted| *wanted == place) {
                    found[n] = field;
                }
            }
            let [Some(stream), Some(partition), Some(offset), time] = found else {
                return Err(DumpError::Differs("a record has no coordinates".to_owned()));
            };
            let (stream, partition, offset) = (int4(stream)?, int4(partition)?, int8(offset)?);
            let range = self.ranges.entry((stream, partition)).or_insert(NewRange {
                stream,
                partition,
                offsets: (offset, offset),
                records: 0,
            });
            range.offsets = (range.offsets.0.min(offset), range.offsets.1.max(offset));
            range.records += 1;
            let time = match time.map(int8).transpose()? {
                None | Some(i64::MIN) => Micros(i64::MIN),
                Some(since_2000) => Micros(since_2000.saturating_add(POSTGRES_EPOCH_MICROS)),
            };
            let (oldest, newest) = self.times.unwrap_or((time, time));
            self.times = Some((oldest.min(time), newest.max(time)));
        }
        Ok(())
    }

    /// Returns the file. `None` for one without a topic or without records.
    pub(crate) fn file(self, manifest: &Manifest, file: &ManifestFile) -> Option<NewFile> {
        Some(NewFile {
            topic: file.topic.clone()?,
            path: manifest.path(file),
            bytes: i64::try_from(file.bytes).ok()?,
            sha256: file.sha256.clone(),
            times: self.times?,
            ranges: self.ranges.into_values().collect(),
        })
    }
}
