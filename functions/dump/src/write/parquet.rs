//! Writes Apache Parquet with zstd and statistics for each row group. Timestamps are UTC, in
//! microseconds. uuid, JSON and text are strings, `bytea` is binary.
//!
//! The file is written column by column from buffers, without Arrow. A row group contains the rows
//! that fit into the buffers.

use std::sync::Arc;

use bytes::Bytes;
use parquet::{
    basic::{
        Compression, Encoding, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel,
    },
    data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type},
    file::{
        properties::{EnabledStatistics, WriterProperties, WriterVersion},
        writer::SerializedFileWriter,
    },
    schema::types::{ColumnPath, Type},
};
use weir_model::time::POSTGRES_EPOCH_MICROS;

use super::{Encoder, Output, Written};
use crate::{
    DumpError, WRITER,
    copy_format::{Batch, Fields, boolean, int4, int8, jsonb},
    table::{SqlType, TableColumn},
};

/// A row group is closed when its values need this much memory. About 100,000 rows of readings do.
const GROUP_BYTES: usize = 8 * 1024 * 1024;
const LEVEL: i32 = 1;

pub(super) struct Parquet {
    columns: Vec<Buffered>,
    bytes: usize,
    rows: usize,
    file: SerializedFileWriter<Output>,
}

/// The values of one column in the row group that is being filled.
struct Buffered {
    sql_type: SqlType,
    name: String,
    values: Values,
    /// For a column that may be null: 1 for each value, 0 for each null.
    levels: Option<Vec<i16>>,
    last: Bytes,
}

enum Values {
    Bool(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Double(Vec<f64>),
    Bytes(Vec<ByteArray>),
}

fn fault(error: &parquet::errors::ParquetError) -> DumpError {
    DumpError::encoding(error)
}

impl Parquet {
    pub(super) fn new(columns: &[TableColumn], output: Output) -> Result<Self, DumpError> {
        let fields = columns
            .iter()
            .map(|c| field(c).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| fault(&e))?;
        let schema =
            Type::group_type_builder("rows").with_fields(fields).build().map_err(|e| fault(&e))?;
        let mut properties = WriterProperties::builder()
            .set_writer_version(WriterVersion::PARQUET_1_0)
            .set_created_by(WRITER.to_owned())
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(LEVEL).map_err(|e| fault(&e))?))
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true);
        for column in columns {
            // Whole numbers and times mostly grow from row to row, so their differences are small.
            // Measured values, JSON and bytes repeat too rarely for a dictionary.
            let path = ColumnPath::from(column.name.clone());
            match column.sql_type {
                SqlType::Int8 | SqlType::Timestamp => {
                    properties = properties
                        .set_column_dictionary_enabled(path.clone(), false)
                        .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
                }
                SqlType::Float8 | SqlType::Json | SqlType::Jsonb | SqlType::Bytes => {
                    properties = properties.set_column_dictionary_enabled(path, false);
                }
                _ => {}
            }
        }
        let file =
            SerializedFileWriter::new(output, Arc::new(schema), Arc::new(properties.build()))
                .map_err(|e| fault(&e))?;
        let buffered = |c: &TableColumn| Buffered {
            sql_type: c.sql_type,
            name: c.name.clone(),
            values: Values::of(c.sql_type),
            levels: c.nullable.then(Vec::new),
            last: Bytes::new(),
        };
        Ok(Self { columns: columns.iter().map(buffered).collect(), bytes: 0, rows: 0, file })
    }

    fn close_group(&mut self) -> Result<(), DumpError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.file.next_row_group().map_err(|e| fault(&e))?;
        for column in &mut self.columns {
            let Some(mut writer) = group.next_column().map_err(|e| fault(&e))? else { break };
            let levels = column.levels.as_deref();
            let written = match &column.values {
                Values::Bool(values) => {
                    writer.typed::<BoolType>().write_batch(values, levels, None)
                }
                Values::Int32(values) => {
                    writer.typed::<Int32Type>().write_batch(values, levels, None)
                }
                Values::Int64(values) => {
                    writer.typed::<Int64Type>().write_batch(values, levels, None)
                }
                Values::Double(values) => {
                    writer.typed::<DoubleType>().write_batch(values, levels, None)
                }
                Values::Bytes(values) => {
                    writer.typed::<ByteArrayType>().write_batch(values, levels, None)
                }
            };
            written.and_then(|_| writer.close()).map_err(|e| fault(&e))?;
            column.clear();
        }
        group.close().map_err(|e| fault(&e))?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}

impl Encoder for Parquet {
    fn batch(&mut self, batch: &Batch) -> Result<(), DumpError> {
        let mut fields = Fields::new(&batch.data);
        while fields.next_row(self.columns.len())? {
            for column in &mut self.columns {
                self.bytes += column.push(&batch.data, fields.next_field()?)?;
            }
            self.rows += 1;
            if self.bytes >= GROUP_BYTES {
                self.close_group()?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Written, DumpError> {
        self.close_group()?;
        let output = self.file.into_inner().map_err(|e| fault(&e))?;
        output.finish().map_err(|e| DumpError::encoding(&e))
    }
}

impl Values {
    fn of(sql_type: SqlType) -> Self {
        match sql_type {
            SqlType::Bool => Self::Bool(Vec::new()),
            SqlType::Int4 => Self::Int32(Vec::new()),
            SqlType::Int8 | SqlType::Timestamp => Self::Int64(Vec::new()),
            SqlType::Float8 => Self::Double(Vec::new()),
            SqlType::Uuid
            | SqlType::Text
            | SqlType::Json
            | SqlType::Jsonb
            | SqlType::Bytes
            | SqlType::Other => Self::Bytes(Vec::new()),
        }
    }
}

impl Buffered {
    /// Adds a field of a batch. Returns the approximate memory that the field needs.
    fn push(&mut self, batch: &Bytes, field: Option<&[u8]>) -> Result<usize, DumpError> {
        if let Some(levels) = &mut self.levels {
            levels.push(i16::from(field.is_some()));
        } else if field.is_none() {
            return Err(DumpError::Broken(format!(
                "column {} is null, but its table does not allow null",
                self.name
            )));
        }
        let Some(field) = field else { return Ok(2) };
        match &mut self.values {
            Values::Bool(values) => values.push(boolean(field)?),
            Values::Int32(values) => values.push(int4(field)?),
            Values::Int64(values) if self.sql_type == SqlType::Timestamp => {
                values.push(since_1970(int8(field)?, &self.name)?);
            }
            Values::Int64(values) => values.push(int8(field)?),
            Values::Double(values) => values.push(f64::from_bits(int8(field)?.cast_unsigned())),
            Values::Bytes(values) => {
                let new = self.sql_type == SqlType::Uuid || self.last != *field;
                if new {
                    self.last = match self.sql_type {
                        SqlType::Uuid => {
                            let uuid = uuid::Uuid::from_slice(field)
                                .map_err(|e| DumpError::encoding(&e))?;
                            Bytes::from(uuid.hyphenated().to_string())
                        }
                        SqlType::Jsonb => batch.slice_ref(jsonb(field)?),
                        // A short value is copied, so that it does not keep its whole batch in
                        // memory.
                        _ if field.len() < 64 => Bytes::copy_from_slice(field),
                        _ => batch.slice_ref(field),
                    };
                }
                values.push(ByteArray::from(self.last.clone()));
                return Ok(if new { 48 + field.len() } else { 34 });
            }
        }
        Ok(8)
    }

    fn clear(&mut self) {
        match &mut self.values {
            Values::Bool(values) => values.clear(),
            Values::Int32(values) => values.clear(),
            Values::Int64(values) => values.clear(),
            Values::Double(values) => values.clear(),
            Values::Bytes(values) => values.clear(),
        }
        if let Some(levels) = &mut self.levels {
            levels.clear();
        }
        self.last = Bytes::new();
    }
}

/// Converts microseconds since 2000 to microseconds since 1970. PostgreSQL's values `infinity` and
/// `-infinity` are not changed.
fn since_1970(since_2000: i64, name: &str) -> Result<i64, DumpError> {
    match since_2000 {
        i64::MAX | i64::MIN => Ok(since_2000),
        _ => since_2000.checked_add(POSTGRES_EPOCH_MICROS).ok_or_else(|| {
            DumpError::Broken(format!(
                "column {name} has a value after the year 294246, which a Parquet timestamp cannot \
                    hold: dump with --formats json"
            ))
        }),
    }
}

fn field(column: &TableColumn) -> parquet::errors::Result<Type> {
    let (physical, logical) = match column.sql_type {
        SqlType::Bool => (Physical::BOOLEAN, None),
        SqlType::Int4 => (Physical::INT32, None),
        SqlType::Int8 => (Physical::INT64, None),
        SqlType::Float8 => (Physical::DOUBLE, None),
        SqlType::Timestamp => {
            (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS)))
        }
        SqlType::Bytes => (Physical::BYTE_ARRAY, None),
        SqlType::Uuid | SqlType::Text | SqlType::Json | SqlType::Jsonb | SqlType::Other => {
            (Physical::BYTE_ARRAY, Some(LogicalType::String))
        }
    };
    let repetition = if column.nullable { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    Type::primitive_type_builder(&column.name, physical)
        .with_repetition(repetition)
        .with_logical_type(logical)
        .build()
}
