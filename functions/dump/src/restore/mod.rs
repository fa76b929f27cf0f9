//! `weir restore`: a day from its files back into the table.
//!
//! One transaction: the whole day is there, or nothing of it. It marks the day as changed, as everything does that writes rows. Records of
//! the log settle their places as a delivery would, so that Kafka's own delivery of the same records doubles nothing; what the dump does
//! not hold between them stays undelivered.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::SinkExt;
use tokio::sync::mpsc;
use tokio_postgres::{Client, types::Type};
use weir_blob::{Blobs, Day, File, Manifest, layout};
use weir_model::Models;
use weir_store::Store;

use crate::{
    DumpError, LOG,
    decode::decode,
    fetch,
    ledger::Ledger,
    rows::{Batch, Fields, HEADER, TRAILER, int4, int8},
    source::{self, Column, Source},
    stale::Param,
};

/// Ranges of offsets by (stream, partition), the end exclusive.
type Ranges = BTreeMap<(i32, i32), Vec<(i64, i64)>>;

/// Loads a day. Gives how many rows. An error is said before anything is there: the day has rows already, the files are not those of the
/// manifest, the table is another one.
pub async fn restore(
    store: &Store,
    models: &Models,
    blobs: &Blobs,
    model: &str,
    day: Day,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<u64, DumpError> {
    let manifest = fetch::manifest(blobs, model, day).await?;
    let connection = store.connect().await?;
    let client = connection.client();
    client.batch_execute("-- long_write\nSET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0").await?;
    let source = Source::describe(client, models, model).await?;
    let columns = columns(&source, &manifest)?;
    client.batch_execute("-- begin_restore\nBEGIN").await?;
    // Dropped on the way, the connection takes the transaction with it.
    if source.has_rows(client, day).await? {
        let what = if source.is_state() { format!("model {model}") } else { format!("{model} {day}") };
        return Err(DumpError::Refused(format!("the database has rows of {what} already: a dump is loaded where there are none")));
    }
    if model == LOG {
        client.query_typed("-- make_event_month\nSELECT make_event_month($1)", &[(&source::bounds(day).0, Type::TIMESTAMPTZ)]).await?;
    }
    register_streams(client, &manifest).await?;
    let folder = layout::day(model, day);
    let (mut done, mut ranges) = (0, Ranges::new());
    for file in manifest.parts() {
        let local = fetch::fetch(blobs, &folder, file).await?;
        let heard = |rows| progress(done + rows, manifest.rows);
        done += load(client, &source.with_columns(&columns), file, local, (model == LOG).then_some(&mut ranges), &heard).await?;
    }
    if done != manifest.rows {
        return Err(DumpError::Differs(format!("{folder} holds {done} rows, and its manifest says {}", manifest.rows)));
    }
    settle(client, ranges).await?;
    client.query_typed(include_str!("sql/mark_restored.sql"), &[(&model, Type::TEXT), (&day.number(), Type::INT4)]).await?;
    client.batch_execute("-- end_restore\nCOMMIT").await?;
    Ok(done)
}

/// The manifest's columns, as the table has them now.
pub(crate) fn columns(source: &Source, manifest: &Manifest) -> Result<Vec<Column>, DumpError> {
    let find = |wanted: &weir_blob::Column| {
        let found = source.columns.iter().find(|c| c.name == wanted.name);
        found.filter(|c| c.type_name == wanted.kind).cloned().ok_or_else(|| {
            DumpError::Refused(format!(
                "the dump's column {} is {}, and the table of {} has no such one: load it with the release that wrote it ({})",
                wanted.name, wanted.kind, manifest.model, manifest.writer
            ))
        })
    };
    manifest.schema.iter().map(find).collect()
}

/// The streams that the rows name, under the ids by which they name them.
async fn register_streams(client: &Client, manifest: &Manifest) -> Result<(), DumpError> {
    let streams: BTreeSet<(i32, &str, &str, i32)> =
        manifest.offsets.iter().map(|o| (o.stream, o.topic.as_str(), o.group_id.as_str(), o.epoch)).collect();
    for (id, topic, group_id, epoch) in &streams {
        // Hand-written rows may name a stream that there never was.
        if topic.is_empty() {
            continue;
        }
        let params: [Param<'_>; 4] = [(id, Type::INT4), (topic, Type::TEXT), (group_id, Type::TEXT), (epoch, Type::INT4)];
        client.query_typed(include_str!("sql/register_stream.sql"), &params).await?;
    }
    let ids: Vec<i32> = streams.iter().map(|s| s.0).collect();
    let rows = client.query_typed(include_str!("sql/name_streams.sql"), &[(&ids, Type::INT4_ARRAY)]).await?;
    let mut found = BTreeSet::new();
    for row in &rows {
        found.insert((row.try_get::<_, i32>(0)?, row.try_get::<_, String>(1)?, row.try_get::<_, String>(2)?, row.try_get::<_, i32>(3)?));
    }
    for (id, topic, group_id, epoch) in streams {
        if !topic.is_empty() && !found.contains(&(id, topic.to_owned(), group_id.to_owned(), epoch)) {
            return Err(DumpError::Refused(format!(
                "the dump's stream {id} is topic {topic} of group {group_id}, epoch {epoch}, and this database counts its streams otherwise: \
                 load it into a database that has stored nothing yet"
            )));
        }
    }
    if !ids.is_empty() {
        client.query_typed(include_str!("sql/next_stream_id.sql"), &[]).await?;
    }
    Ok(())
}

/// Loads one file, which is the manifest's, row by row.
async fn load(
    client: &Client,
    source: &Source,
    file: &File,
    local: std::fs::File,
    mut ranges: Option<&mut Ranges>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<u64, DumpError> {
    let (before, copy, after) = source.copy_in(client).await?;
    if let Some(before) = before {
        client.batch_execute(&before).await?;
    }
    let (give, mut batches) = mpsc::channel::<Batch>(2);
    let (format, columns) = (file.format, source.columns.clone());
    let decoding = tokio::task::spawn_blocking(move || {
        decode(local, format, &columns, &mut |batch| give.blocking_send(batch).map_err(|_| DumpError::Broken("the load ended".to_owned())))
    });
    let sink = client.copy_in::<_, bytes::Bytes>(&copy).await?;
    let mut sink = Box::pin(sink);
    sink.send(bytes::Bytes::from_static(HEADER)).await?;
    let mut ledger = Ledger::new(source.columns.len(), None);
    while let Some(batch) = batches.recv().await {
        ledger.batch(&batch)?;
        if let Some(ranges) = ranges.as_deref_mut() {
            note(ranges, source, &batch)?;
        }
        progress(ledger.rows);
        sink.send(batch.data).await?;
    }
    decoding.await.map_err(|e| DumpError::Broken(e.to_string())).flatten()?;
    sink.send(bytes::Bytes::from_static(TRAILER)).await?;
    sink.as_mut().finish().await?;
    if ledger.rows != file.rows || ledger.content() != file.content {
        return Err(DumpError::Differs(format!(
            "{} holds {} rows, and its manifest says {} others: nothing was loaded",
            file.name, ledger.rows, file.rows
        )));
    }
    if let Some(after) = after {
        client.batch_execute(&after).await?;
    }
    Ok(ledger.rows)
}

/// Joins neighbouring offsets to ranges.
fn note(ranges: &mut Ranges, source: &Source, batch: &Batch) -> Result<(), DumpError> {
    let Some(position) = source.position() else { return Ok(()) };
    let mut fields = Fields::new(&batch.data);
    while fields.next_row(source.columns.len())? {
        let mut found: [Option<&[u8]>; 3] = [None; 3];
        for place in 0..source.columns.len() {
            let field = fields.next_field()?;
            if let Some(n) = position.iter().position(|p| *p == place) {
                found[n] = field;
            }
        }
        let [Some(stream), Some(partition), Some(offset)] = found else { continue };
        let (key, offset) = ((int4(stream)?, int4(partition)?), int8(offset)?);
        let known = ranges.entry(key).or_default();
        match known.last_mut() {
            Some((_, end)) if *end == offset => *end = offset.saturating_add(1),
            _ => known.push((offset, offset.saturating_add(1))),
        }
    }
    Ok(())
}

/// The places that the log holds now are settled; what lies between them and was never delivered here is a gap.
async fn settle(client: &Client, ranges: Ranges) -> Result<(), DumpError> {
    if ranges.is_empty() {
        return Ok(());
    }
    let (mut streams, mut partitions): (Vec<i32>, Vec<i32>) = ranges.keys().copied().unzip();
    client.query_typed(include_str!("sql/lock_restored.sql"), &[(&streams, Type::INT4_ARRAY), (&partitions, Type::INT4_ARRAY)]).await?;
    (streams, partitions) = (Vec::new(), Vec::new());
    let (mut firsts, mut ends) = (Vec::new(), Vec::new());
    for ((stream, partition), list) in ranges {
        for (first, end) in list {
            streams.push(stream);
            partitions.push(partition);
            firsts.push(first);
            ends.push(end);
        }
    }
    let types = [Type::INT4_ARRAY, Type::INT4_ARRAY, Type::INT8_ARRAY, Type::INT8_ARRAY];
    let [a, b, c, d] = types.clone();
    let gaps =
        client.query_typed(include_str!("sql/settle_restored.sql"), &[(&streams, a), (&partitions, b), (&firsts, c), (&ends, d)]).await?;
    (streams, partitions, firsts, ends) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for gap in &gaps {
        streams.push(gap.try_get(0)?);
        partitions.push(gap.try_get(1)?);
        firsts.push(gap.try_get(2)?);
        ends.push(gap.try_get(3)?);
    }
    let [a, b, c, d] = types;
    client.query_typed(include_str!("sql/open_restored_gaps.sql"), &[(&streams, a), (&partitions, b), (&firsts, c), (&ends, d)]).await?;
    Ok(())
}
