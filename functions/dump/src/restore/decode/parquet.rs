//! Decodes Parquet, column by column.

use std::fs::File;

use bytes::BytesMut;
use parquet::{
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::{ByteArray, DataType},
    errors::ParquetError,
    file::reader::{FileReader, SerializedFileReader},
};
use weir_model::time::POSTGRES_EPOCH_MICROS;

use super::{Rows, damaged};
use crate::{
    DumpError,
    copy_format::put,
    table::{SqlType, TableColumn},
};

/// Number of rows that are read at once. It is smaller when the values are long.
const CHUNK_ROWS: usize = 1024;

pub(super) fn decode(
    file: File,
    columns: &[TableColumn],
    rows: &mut Rows<'_>,
) -> Result<(), DumpError> {
    let reader = SerializedFileReader::new(file).map_err(damaged)?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let place = |column: &TableColumn| {
        let found = (0..schema.num_columns()).find(|n| schema.column(*n).name() == column.name);
        found.ok_or_else(|| damaged(format!("the file has no column {}", column.name)))
    };
    let places = columns.iter().map(place).collect::<Result<Vec<_>, _>>()?;
    for n in 0..reader.num_row_groups() {
        let group = reader.get_row_group(n).map_err(damaged)?;
        let mut left = usize::try_from(group.metadata().num_rows()).map_err(damaged)?;
        // Fewer rows are read at once when the values are long, so that a chunk fits into memory.
        let bytes = usize::try_from(group.metadata().total_byte_size()).unwrap_or(usize::MAX);
        let chunk = (CHUNK_ROWS * 4096 / (bytes / left.max(1)).max(1)).clamp(1, CHUNK_ROWS);
        let mut readers = Vec::with_capacity(places.len());
        for place in &places {
            readers.push(group.get_column_reader(*place).map_err(damaged)?);
        }
        while left > 0 {
            let wanted = left.min(chunk);
            let mut read = Vec::with_capacity(columns.len());
            for (reader, column) in readers.iter_mut().zip(columns) {
                read.push(fields(reader, column, wanted)?);
            }
            let mut at = vec![0; read.len()];
            for row in 0..wanted {
                rows.row(columns.len())?;
                for (field, at) in read.iter().zip(&mut at) {
                    field.put(row, at, &mut rows.data)?;
                }
                rows.end()?;
            }
            left -= wanted;
        }
    }
    Ok(())
}

/// The values of one column in the format of binary COPY.
struct Chunk {
    /// 1 for each row with a value, 0 for each null. Empty when every row has a value.
    levels: Vec<i16>,
    data: Vec<u8>,
    ends: Vec<usize>,
}

impl Chunk {
    fn put(&self, row: usize, at: &mut usize, out: &mut BytesMut) -> Result<(), DumpError> {
        if self.levels.get(row) == Some(&0) {
            return put(out, None);
        }
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        let end = self.ends.get(*at).ok_or_else(|| damaged("a column ends too early"))?;
        *at += 1;
        put(out, Some(&self.data[begin..*end]))
    }
}

fn fields(
    reader: &mut ColumnReader,
    column: &TableColumn,
    wanted: usize,
) -> Result<Chunk, DumpError> {
    let mut chunk =
        Chunk { levels: Vec::new(), data: Vec::new(), ends: Vec::with_capacity(wanted) };
    match (reader, column.sql_type) {
        (ColumnReader::BoolColumnReader(reader), SqlType::Bool) => {
            for value in values(reader, column, wanted, &mut chunk.levels)? {
                chunk.data.push(u8::from(value));
                chunk.ends.push(chunk.data.len());
            }
        }
        (ColumnReader::Int32ColumnReader(reader), SqlType::Int4) => {
            for value in values(reader, column, wanted, &mut chunk.levels)? {
                chunk.data.extend_from_slice(&value.to_be_bytes());
                chunk.ends.push(chunk.data.len());
            }
        }
        (ColumnReader::Int64ColumnReader(reader), SqlType::Int8 | SqlType::Timestamp) => {
            for value in values(reader, column, wanted, &mut chunk.levels)? {
                let value = match (column.sql_type, value) {
                    (SqlType::Timestamp, i64::MIN | i64::MAX) | (SqlType::Int8, _) => value,
                    _ => value
                        .checked_sub(POSTGRES_EPOCH_MICROS)
                        .ok_or_else(|| damaged("a timestamp is too early for PostgreSQL"))?,
                };
                chunk.data.extend_from_slice(&value.to_be_bytes());
                chunk.ends.push(chunk.data.len());
            }
        }
        (ColumnReader::DoubleColumnReader(reader), SqlType::Float8) => {
            for value in values(reader, column, wanted, &mut chunk.levels)? {
                chunk.data.extend_from_slice(&value.to_be_bytes());
                chunk.ends.push(chunk.data.len());
            }
        }
        (ColumnReader::ByteArrayColumnReader(reader), sql_type) => {
            for value in values(reader, column, wanted, &mut chunk.levels)? {
                bytes(&mut chunk.data, sql_type, &value)?;
                chunk.ends.push(chunk.data.len());
            }
        }
        _ => {
            return Err(damaged(format!(
                "column {} has a different type than the table",
                column.name
            )));
        }
    }
    Ok(chunk)
}

fn bytes(out: &mut Vec<u8>, sql_type: SqlType, value: &ByteArray) -> Result<(), DumpError> {
    match sql_type {
        SqlType::Uuid => {
            let text = std::str::from_utf8(value.data()).map_err(damaged)?;
            out.extend_from_slice(uuid::Uuid::try_parse(text).map_err(damaged)?.as_bytes());
        }
        SqlType::Jsonb => {
            out.push(1);
            out.extend_from_slice(value.data());
        }
        _ => out.extend_from_slice(value.data()),
    }
    Ok(())
}

fn values<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    column: &TableColumn,
    wanted: usize,
    levels: &mut Vec<i16>,
) -> Result<Vec<T::T>, DumpError> {
    let mut values = Vec::with_capacity(wanted);
    let mut read = 0;
    while read < wanted {
        let levels = column.nullable.then_some(&mut *levels);
        let result: Result<(usize, usize, usize), ParquetError> =
            reader.read_records(wanted - read, levels, None, &mut values);
        let (records, _, _) = result.map_err(damaged)?;
        if records == 0 {
            return Err(damaged(format!("column {} ends too early", column.name)));
        }
        read += records;
    }
    Ok(values)
}
