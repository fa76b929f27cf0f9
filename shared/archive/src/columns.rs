//! Reads columns of a row group.

use parquet::{
    column::reader::{ColumnReaderImpl, get_typed_column_reader},
    data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type},
    errors::{ParquetError, Result},
    file::{
        reader::{FileReader, RowGroupReader, SerializedFileReader},
        statistics::Statistics,
    },
    schema::types::SchemaDescPtr,
};
use weir_store::archive::ArchivedRecord;

use crate::local::LocalCopy;

/// Number of rows that are read at once. It is smaller when the values are long.
const CHUNK_ROWS: usize = 2_000;
const CHUNK_BYTES: usize = 8 * 1024 * 1024;

/// An open file.
pub(crate) struct LogFile {
    reader: SerializedFileReader<LocalCopy>,
    schema: SchemaDescPtr,
}

/// A row group of a file.
pub(crate) struct Group<'f> {
    reader: Box<dyn RowGroupReader + 'f>,
    schema: &'f SchemaDescPtr,
    pub(crate) rows: usize,
}

/// The values of one column, one after the other.
pub(crate) struct Column<T: DataType> {
    reader: ColumnReaderImpl<T>,
    is_optional: bool,
}

impl LogFile {
    pub(crate) fn open(copy: LocalCopy) -> Result<Self> {
        let reader = SerializedFileReader::new(copy)?;
        let schema = reader.metadata().file_metadata().schema_descr_ptr();
        Ok(Self { reader, schema })
    }

    pub(crate) fn groups(&self) -> usize {
        self.reader.num_row_groups()
    }

    pub(crate) fn group(&self, n: usize) -> Result<Group<'_>> {
        let reader = self.reader.get_row_group(n)?;
        let rows = usize::try_from(reader.metadata().num_rows())
            .map_err(|e| ParquetError::General(e.to_string()))?;
        Ok(Group { reader, schema: &self.schema, rows })
    }

    /// Reads all records and passes them to `take`, in chunks. Ends when `take` returns false.
    pub(crate) fn each_chunk(
        &self,
        take: &mut dyn FnMut(Vec<ArchivedRecord>) -> bool,
    ) -> Result<()> {
        for n in 0..self.groups() {
            let group = self.group(n)?;
            let bytes = usize::try_from(group.reader.metadata().total_byte_size()).unwrap_or(0);
            let row_bytes = (bytes / group.rows.max(1)).max(1);
            let chunk = (CHUNK_BYTES / row_bytes).clamp(1, CHUNK_ROWS);
            let mut columns = RecordColumns::open(&group)?;
            let mut left = group.rows;
            while left > 0 {
                let some = left.min(chunk);
                if !take(columns.read(some)?) {
                    return Ok(());
                }
                left -= some;
            }
        }
        Ok(())
    }
}

impl Group<'_> {
    /// Opens a column.
    pub(crate) fn column<T: DataType>(&self, name: &str) -> Result<Column<T>> {
        let place = self.place(name)?;
        let column = self.schema.column(place);
        if column.physical_type() != T::get_physical_type() {
            return Err(ParquetError::General(format!("column {name} has another type")));
        }
        let reader = get_typed_column_reader::<T>(self.reader.get_column_reader(place)?);
        Ok(Column { reader, is_optional: column.max_def_level() > 0 })
    }

    /// Returns the whole column.
    pub(crate) fn whole<T: DataType>(&self, name: &str) -> Result<Vec<Option<T::T>>> {
        self.column::<T>(name)?.read(self.rows)
    }

    /// Returns the lowest and the highest number of a column, and whether it has nulls. `None` if
    /// the file does not say it.
    pub(crate) fn range(&self, name: &str) -> Result<Option<(i64, i64, bool)>> {
        let chunk = self.reader.metadata().column(self.place(name)?);
        let Some(Statistics::Int64(found)) = chunk.statistics() else { return Ok(None) };
        let nulls = found.null_count_opt();
        Ok(match (found.min_opt(), found.max_opt(), nulls) {
            (Some(min), Some(max), Some(nulls)) => Some((*min, *max, nulls > 0)),
            _ => None,
        })
    }

    /// Returns the records at these places, which are sorted. Fails with `None` when they have more
    /// bytes than `bytes_left`, which is reduced by theirs.
    pub(crate) fn records(
        &self,
        places: &[usize],
        bytes_left: &mut usize,
    ) -> Result<Option<Vec<ArchivedRecord>>> {
        let mut columns = RecordColumns::open(self)?;
        let (mut at, mut records) = (0, Vec::with_capacity(places.len()));
        for place in places {
            columns.skip(place - at)?;
            for record in columns.read(1)? {
                let Some(left) = bytes_left.checked_sub(size(&record)) else { return Ok(None) };
                *bytes_left = left;
                records.push(record);
            }
            at = place + 1;
        }
        Ok(Some(records))
    }

    fn place(&self, name: &str) -> Result<usize> {
        let found = (0..self.schema.num_columns()).find(|n| self.schema.column(*n).name() == name);
        found.ok_or_else(|| ParquetError::General(format!("the file has no column {name}")))
    }
}

fn size(record: &ArchivedRecord) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let bytes = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
    size_of::<ArchivedRecord>() + text(&record.payload) + bytes(&record.raw) + bytes(&record.key)
}

impl<T: DataType> Column<T> {
    /// Returns the next values, exactly `wanted`.
    pub(crate) fn read(&mut self, wanted: usize) -> Result<Vec<Option<T::T>>> {
        let (mut values, mut levels) = (Vec::with_capacity(wanted), Vec::new());
        let mut read = 0;
        while read < wanted {
            let of_nulls = self.is_optional.then_some(&mut levels);
            let (records, _, _) =
                self.reader.read_records(wanted - read, of_nulls, None, &mut values)?;
            if records == 0 {
                return Err(ParquetError::General("a column ends too early".to_owned()));
            }
            read += records;
        }
        if !self.is_optional {
            return Ok(values.into_iter().map(Some).collect());
        }
        let mut values = values.into_iter();
        Ok(levels.into_iter().map(|level| if level > 0 { values.next() } else { None }).collect())
    }

    fn skip(&mut self, count: usize) -> Result<()> {
        if count > 0 && self.reader.skip_records(count)? != count {
            return Err(ParquetError::General("a column ends too early".to_owned()));
        }
        Ok(())
    }
}

/// All columns of a row group.
struct RecordColumns {
    /// `stream` and `partition`.
    int4: [Column<Int32Type>; 2],
    /// `offset`, `arrived_at`, `timestamp_ms` and `event_time`.
    int8: [Column<Int64Type>; 4],
    bytes: [Column<ByteArrayType>; 11],
}

const BYTES: [&str; 11] = [
    "checksum",
    "outcome",
    "reason",
    "key",
    "headers",
    "entity_id",
    "event_type",
    "event_version",
    "payload",
    "raw",
    "problems",
];

impl RecordColumns {
    fn open(group: &Group<'_>) -> Result<Self> {
        let int8 = |name| group.column(name);
        let mut bytes = Vec::with_capacity(BYTES.len());
        for name in BYTES {
            bytes.push(group.column(name)?);
        }
        let bytes = bytes.try_into();
        Ok(Self {
            int4: [group.column("stream")?, group.column("partition")?],
            int8: [
                int8("offset")?,
                int8("arrived_at")?,
                int8("timestamp_ms")?,
                int8("event_time")?,
            ],
            bytes: bytes.map_err(|_| ParquetError::General("a column is missing".to_owned()))?,
        })
    }

    fn skip(&mut self, count: usize) -> Result<()> {
        self.int4.iter_mut().try_for_each(|column| column.skip(count))?;
        self.int8.iter_mut().try_for_each(|column| column.skip(count))?;
        self.bytes.iter_mut().try_for_each(|column| column.skip(count))
    }

    fn read(&mut self, count: usize) -> Result<Vec<ArchivedRecord>> {
        let mut records = vec![ArchivedRecord::default(); count];
        for (n, column) in self.int4.iter_mut().enumerate() {
            for (record, value) in records.iter_mut().zip(column.read(count)?) {
                let value = value.unwrap_or_default();
                *(if n == 0 { &mut record.stream } else { &mut record.partition }) = value;
            }
        }
        for (n, column) in self.int8.iter_mut().enumerate() {
            for (record, value) in records.iter_mut().zip(column.read(count)?) {
                match n {
                    0 => record.offset = value.unwrap_or_default(),
                    1 => record.arrived_at = value.unwrap_or_default(),
                    2 => record.timestamp_ms = value.unwrap_or_default(),
                    _ => record.event_time = value,
                }
            }
        }
        for (n, column) in self.bytes.iter_mut().enumerate() {
            for (record, value) in records.iter_mut().zip(column.read(count)?) {
                set(record, n, value)?;
            }
        }
        Ok(records)
    }
}

/// Sets the member with the name `BYTES[n]`.
fn set(record: &mut ArchivedRecord, n: usize, value: Option<ByteArray>) -> Result<()> {
    let Some(value) = value else { return Ok(()) };
    match n {
        0 => record.checksum = value.data().to_vec(),
        3 => record.key = Some(value.data().to_vec()),
        9 => record.raw = Some(value.data().to_vec()),
        _ => {
            let text = value.as_utf8()?.to_owned();
            match n {
                1 => record.outcome = text,
                2 => record.reason = Some(text),
                4 => record.headers = Some(text),
                5 => record.entity_id = Some(text),
                6 => record.event_type = Some(text),
                7 => record.event_version = Some(text),
                8 => record.payload = Some(text),
                _ => record.problems = Some(text),
            }
        }
    }
    Ok(())
}
