//! `weir restore`: loads a day from its files into the table.
//!
//! It is one transaction, which loads the whole day or nothing. The transaction marks the day as
//! changed, as every transaction that changes rows does. Records of the log settle their offsets in
//! the same way as a delivery, so that Kafka's delivery of the same records stores no duplicates.
//! Offsets between them that are not in the dump stay undelivered. Where retention removed the
//! month of a series, only the restored day takes rows again. An archived day of the log is in the
//! database again, and no longer in the archive.

mod decode;
mod fetch;
mod load;
mod streams;

use std::ops::Range;

use tokio_postgres::types::Type;
use weir_blob::{Blobs, Manifest, UtcDay};
use weir_model::Models;
use weir_store::{BEGIN, Store};

use self::{load::load, streams::LogOffsets};
use crate::{
    DumpError, LOG,
    query::{Param, first},
    table::{DumpTable, TableColumn, bounds},
};
pub(crate) use decode::decode;
pub(crate) use fetch::{fetch, fetch_manifest};

const LONG_WRITE: &str =
    "-- long_write\nSET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0";
const MAKE_MONTH: &str = "-- make_event_month\nSELECT make_event_month($1)";
const COMMIT: &str = "-- end_restore\nCOMMIT";

/// Loads a day and returns the number of its rows.
///
/// After an error, nothing is loaded. It is an error when the day already has rows, when the files
/// do not match the manifest, or when the table has different columns.
pub async fn restore(
    store: &Store,
    models: &Models,
    blobs: &Blobs,
    model: &str,
    day: UtcDay,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<u64, DumpError> {
    let manifest = fetch_manifest(blobs, model, day).await?;
    let connection = store.connect().await?;
    let client = connection.client();
    client.batch_execute(LONG_WRITE).await?;
    let table = DumpTable::describe(client, models, model).await?;
    let columns = columns(&table, &manifest)?;
    // An error drops the connection, which rolls back the transaction.
    client.batch_execute(BEGIN).await?;
    if table.has_rows(client, day).await? {
        let what =
            if table.is_state() { format!("model {model}") } else { format!("{model} {day}") };
        return Err(DumpError::Refused(format!(
            "the database already has rows of {what}: load the dump into a database without them"
        )));
    }
    let Range { start, end } = bounds(day);
    if model == LOG {
        client.query_typed(MAKE_MONTH, &[(&start, Type::TIMESTAMPTZ)]).await?;
    } else if !table.is_state() {
        if let Some(statement) = table.after_removal {
            client.execute_typed(statement, &[]).await?;
        }
        let params: [Param<'_>; 3] =
            [(&model, Type::TEXT), (&start, Type::TIMESTAMPTZ), (&end, Type::TIMESTAMPTZ)];
        client.query_typed(include_str!("../sql/reopen_day.sql"), &params).await?;
    }
    streams::register(client, &manifest).await?;
    let table = table.with_columns(&columns);
    let (mut done, mut offsets) = (0, LogOffsets::default());
    for file in manifest.parts() {
        let local = fetch(blobs, &manifest, file).await?;
        let progress = |rows| progress(done + rows, manifest.rows);
        done +=
            load(client, &table, file, local, (model == LOG).then_some(&mut offsets), &progress)
                .await?;
    }
    if done != manifest.rows {
        return Err(DumpError::Differs(format!(
            "the files of {model} {day} have {done} rows, but the manifest has {}",
            manifest.rows
        )));
    }
    if model == LOG {
        let rows = client
            .query_typed(
                include_str!("../sql/archived_records.sql"),
                &[(&day.number(), Type::INT4)],
            )
            .await?;
        let archived: Option<i64> = first(&rows)?.try_get("records")?;
        if let Some(archived) = archived.filter(|records| u64::try_from(*records) != Ok(done)) {
            return Err(DumpError::Refused(format!(
                "the archive has {archived} records of {day}, and this dump has {done}: restore \
                    the day from the archive's own files"
            )));
        }
        offsets.bring_back(client, day).await?;
    }
    offsets.settle(client).await?;
    if let Some(statement) = table.after_restore {
        let params: [Param<'_>; 2] = [(&start, Type::TIMESTAMPTZ), (&end, Type::TIMESTAMPTZ)];
        client.execute_typed(statement, &params).await?;
    }
    let params: [Param<'_>; 2] = [(&model, Type::TEXT), (&day.number(), Type::INT4)];
    client.query_typed(include_str!("../sql/mark_restored.sql"), &params).await?;
    client.batch_execute(COMMIT).await?;
    Ok(done)
}

/// Returns the columns of the manifest, with their present types in the table. Fails when a column
/// is missing or has another type.
pub(crate) fn columns(
    table: &DumpTable,
    manifest: &Manifest,
) -> Result<Vec<TableColumn>, DumpError> {
    let find = |wanted: &weir_blob::ManifestColumn| {
        let found = table.columns.iter().find(|c| c.name == wanted.name);
        found.filter(|c| c.type_name == wanted.kind).cloned().ok_or_else(|| {
            DumpError::Refused(format!(
                "the dump has the column {} of type {}, but the table of {} has no such column: \
                    load the dump with the release that wrote it ({})",
                wanted.name, wanted.kind, manifest.model, manifest.writer
            ))
        })
    };
    manifest.schema.iter().map(find).collect()
}
