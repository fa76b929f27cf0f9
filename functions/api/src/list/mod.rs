//! Lists: a page, or the whole list as a stream, in the format that the client requests.

mod cell;
mod cursor;
mod format;
mod places;
mod value;

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use tokio_postgres::{Row, types::Type};
use weir_archive::Key;
use weir_http::{Prefix, SqlParam};
use weir_model::{
    Micros,
    listing::{ColumnKind, ListColumn, ListFilter, Listing},
};
use weir_store::event_id::EventId;

pub(crate) use cell::Cell;
pub(crate) use format::{Format, object, one};
pub(crate) use places::ColumnPlaces;
pub(crate) use value::Value;

use crate::{
    ApiError, ApiState,
    archived::ArchivedList,
    etag::{self, IfNoneMatch},
    query::{LIMIT_DEFAULT, LIMIT_MAX, Params},
    row_stream::{Begun, NextPage},
    stream_ids::Known,
};
use format::Writer;

/// Converts a row to an element.
pub(crate) trait RowEncoder: Send + 'static {
    /// Returns the members' names, which are the header of CSV.
    fn names(&self) -> Vec<&'static str>;
    /// Appends the members of a row, one for each name.
    fn cells<'r>(
        &'r self,
        row: &'r Row,
        cells: &mut Vec<Cell<'r>>,
    ) -> Result<(), tokio_postgres::Error>;
    /// Returns whether an element in JSON is only the value of its one member, without an object.
    fn is_bare(&self) -> bool {
        false
    }
}

/// The statement of a list, with its parameters and its key.
pub(crate) struct Query {
    /// The list's name, for its cursors.
    pub(crate) name: &'static str,
    /// Parameters: `$1` limit (null: all), `$2` offset, then `filters`, then the key's parts.
    pub(crate) sql: &'static str,
    pub(crate) filters: Vec<(Value, Type)>,
    /// Faster statements for a page, tried in this order before `sql`.
    pub(crate) pages: Vec<PageStatement>,
    /// A statement for the whole list, whose parts come from indexes in the list's order. It has
    /// the parameters of `sql`.
    pub(crate) merged: Option<&'static str>,
    /// The archived part of the list, which has the key of events.
    pub(crate) archive: Option<ArchivedList>,
    /// The kinds of the key's columns.
    pub(crate) key: Vec<ColumnKind>,
    /// Number of elements without `limit`; `None` means all.
    pub(crate) limit_default: Option<i64>,
    /// Whether the newest rows may be missing, because a replica is read.
    pub(crate) may_lag: bool,
}

/// A statement for a page of a list.
pub(crate) enum PageStatement {
    /// Without filters and cursor, planned once: `$1` limit and `$2` offset. Requests for the same
    /// page share the answer.
    Unfiltered(&'static str),
    /// The same, but the next statement is tried if it finds less than a page.
    UnfilteredNear(&'static str),
    /// With one of the filters, given by its index, and without cursor, planned once: `$1` limit,
    /// `$2` offset and the filter `$3`. The next statement is tried if it finds nothing.
    OneFilter(&'static str, usize),
    /// With the parameters of the list's statement.
    Exact(&'static str),
    /// With the parameters of the list's statement. The next statement is tried if it finds less
    /// than a page.
    Near(&'static str),
    /// The list's statement, with a later `from`. The list's own is tried if it finds less than a
    /// page.
    Since {
        /// Months before the month in which the page begins.
        months: u32,
        /// The index of the filter `from`.
        from: usize,
        /// The index of the filter `to`.
        to: usize,
    },
}

/// The most rows of a list without a limit that is answered as a page, with its length.
const SHORT_MAX: i64 = 100;

/// The months before the month in which a page begins: the page is searched in this time first.
/// Each list of a series is planned for its times, so these plans do not contain other months.
const MONTHS_BACK: [u32; 2] = [0, 12];

/// A request for a list: parameters and format.
pub(crate) struct ListRequest {
    pub(crate) params: Params,
    prefix: Prefix,
    uri: Uri,
    format: Format,
}

impl<S: Send + Sync> FromRequestParts<S> for ListRequest {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let prefix = parts.extensions.get().cloned().unwrap_or_default();
        Ok(Self {
            params: Params::of(&parts.uri),
            prefix,
            uri: parts.uri.clone(),
            format: Format::of(&parts.headers),
        })
    }
}

impl ListRequest {
    /// Reads the parameters that every list has, rejects unknown parameters, and answers.
    ///
    /// `key` returns the parts of a row's key. `elements` is called with the rows of a page after
    /// they were read. For a stream it is called with `None` after the query began.
    pub(crate) async fn answer<E: RowEncoder>(
        self,
        state: &ApiState,
        query: Query,
        key: impl Fn(&Row) -> Result<Vec<Value>, tokio_postgres::Error> + Send + 'static,
        elements: impl AsyncFnOnce(Option<&[Row]>) -> Result<E, ApiError>,
    ) -> Result<Response, ApiError> {
        let Self { mut params, prefix, uri, format } = self;
        let (limit, offset) = (params.limit()?, params.offset()?);
        let after = cursor_in(&mut params, &query)?;
        params.done()?;
        if after.is_some() && offset != 0 {
            return Err(ApiError::parameter(
                "offset",
                "cannot be combined with a cursor",
                "give one of them",
            ));
        }
        let limit = limit.or(query.limit_default.filter(|_| format == Format::Json));
        // One more row than the page shows whether there are more rows.
        let first = limit.unwrap_or(SHORT_MAX) + 1;
        let begun = match limit {
            None => query.begin_whole(state, first, offset, after.as_deref()).await?,
            Some(_) => None,
        };
        let (Page { rows, reached }, begun) = match begun {
            Some(begun) if is_full(begun.head(), first) => (Page::default(), Some(begun)),
            Some(begun) => (Page { rows: begun.into_head().into(), reached: None }, None),
            None => (query.page(state, first, offset, after.as_deref()).await?, None),
        };
        let more = begun.is_some() || is_full(&rows, first);
        let mut headers = HeaderMap::from_iter([
            (header::CONTENT_TYPE, HeaderValue::from_static(format.content_type())),
            (header::VARY, HeaderValue::from_static("accept")),
        ]);
        let body = match limit {
            None if more || reached.is_some() => {
                let long_reads = &state.reads(query.may_lag).long_reads;
                let rows = match begun {
                    Some(begun) => begun,
                    None => query.begin(state, offset, after.as_deref()).await?,
                };
                // The streams are read after the snapshot of the rows, so that they include every
                // stream of the rows. The archive is looked at after it, too: see `archived`.
                let lines = Writer::new(format, elements(None).await?);
                match &query.archive {
                    Some(archive) if archive.matters(state, &[], false).await? => {
                        let permit = rows.into_permit();
                        let pages = Pages { query, state: state.clone(), key, next: after, offset };
                        long_reads.body_of_pages(permit, pages, lines)
                    }
                    _ => long_reads.body(rows, lines),
                }
            }
            _ => {
                let page = &rows[..rows.len() - usize::from(more)];
                let end = match page.last().filter(|_| more) {
                    Some(last) => Some(key(last)?),
                    None => reached.map(key_of_time),
                };
                if let Some(end) = end {
                    let link = next(&prefix, &uri, &cursor::encode(query.name, &end));
                    headers.insert(header::LINK, link);
                }
                Writer::new(format, elements(Some(page)).await?).page(page)?.into()
            }
        };
        Ok((headers, body).into_response())
    }
}

fn cursor_in(params: &mut Params, query: &Query) -> Result<Option<Vec<Value>>, ApiError> {
    // An empty cursor begins with the first page, so that a client's loop needs no special case.
    let Some(text) = params.text("cursor")?.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let wrong = || {
        ApiError::parameter(
            "cursor",
            "is not a cursor of this list",
            "take the cursor from the Link header of the previous page",
        )
    };
    cursor::decode(&text, query.name, &query.key).map(Some).ok_or_else(wrong)
}

#[expect(clippy::disallowed_methods, reason = "the time decides only where a page is searched")]
fn now() -> Micros {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Micros(i64::try_from(since.unwrap_or_default().as_micros()).unwrap_or(i64::MAX))
}

/// A page of a list.
#[derive(Default)]
pub(crate) struct Page {
    rows: Arc<Vec<Row>>,
    /// The time down to which the rows are complete, if the page ends before it is full.
    reached: Option<Micros>,
}

/// The most rows before a page that is given by `offset`, if archived events may be among them.
const ARCHIVED_OFFSET_MAX: i64 = 10_000;

/// The last instant that RFC 3339 can write.
const LAST: Micros = Micros(253_402_300_799_999_999);

/// Returns the key before that of every event of this time.
fn key_of_time(time: Micros) -> Vec<Value> {
    vec![
        Value::Instant(time),
        Value::Instant(LAST),
        Value::Int4(i32::MAX),
        Value::Int4(i32::MAX),
        Value::Int8(i64::MAX),
    ]
}

/// Returns the key of an event, from a cursor of a list of events.
fn key_of_event(key: &[Value]) -> Option<Key> {
    match key {
        [
            Value::Instant(event_time),
            Value::Instant(arrived_at),
            Value::Int4(stream),
            Value::Int4(partition),
            Value::Int8(offset),
        ] => Some(Key {
            event_time: event_time.0,
            arrived_at: arrived_at.0,
            stream: *stream,
            partition: *partition,
            offset: *offset,
        }),
        _ => None,
    }
}

/// The pages of a list, one after the other.
pub(crate) struct Pages<K> {
    query: Query,
    state: ApiState,
    key: K,
    /// The end of the page before.
    next: Option<Vec<Value>>,
    offset: i64,
}

impl<K> NextPage for Pages<K>
where
    K: Fn(&Row) -> Result<Vec<Value>, tokio_postgres::Error> + Send + 'static,
{
    async fn next(&mut self) -> Result<(Arc<Vec<Row>>, bool), ApiError> {
        let after = self.next.take();
        let skip = std::mem::take(&mut self.offset);
        let Page { rows, reached } =
            self.query.page(&self.state, LIMIT_MAX, skip, after.as_deref()).await?;
        self.next = match rows.last() {
            Some(last) if is_full(&rows, LIMIT_MAX) => Some((self.key)(last)?),
            _ => reached.map(key_of_time),
        };
        Ok((rows, self.next.is_some()))
    }
}

/// Returns whether a page has the rows that were requested.
fn is_full(rows: &[Row], first: i64) -> bool {
    i64::try_from(rows.len()).is_ok_and(|n| n >= first)
}

/// Returns the link to the next page (RFC 8288): the request as the client wrote it, with a new
/// cursor.
fn next(Prefix(prefix): &Prefix, uri: &Uri, cursor: &str) -> HeaderValue {
    let mut link = format!("<{prefix}{}?", uri.path());
    for pair in uri.query().unwrap_or_default().split('&') {
        if !pair.is_empty()
            && !["cursor", "offset"].contains(&pair.split('=').next().unwrap_or_default())
        {
            link.push_str(pair);
            link.push('&');
        }
    }
    link.push_str("cursor=");
    link.push_str(cursor);
    link.push_str(">; rel=\"next\"");
    // The text of a URI is valid in a header.
    HeaderValue::try_from(link).unwrap_or_else(|_| HeaderValue::from_static(""))
}

impl Query {
    /// Returns the query for a model's list.
    pub(crate) fn of(
        name: &'static str,
        listing: &Listing,
        params: &mut Params,
    ) -> Result<Self, ApiError> {
        let filter = |filter: &ListFilter| {
            Ok((Value::take(params, filter.name, filter.kind)?, filter.kind.sql_type()))
        };
        let filters = listing.filters.iter().map(filter).collect::<Result<_, ApiError>>()?;
        let place = |name| listing.filters.iter().position(|filter| filter.name == name);
        // The newest rows of a series are in its newest months.
        let pages = match (listing.key.first(), place("from"), place("to")) {
            (Some(&"timestamp"), Some(from), Some(to)) => {
                MONTHS_BACK.map(|months| PageStatement::Since { months, from, to }).into()
            }
            _ => Vec::new(),
        };
        let key = listing.key_columns().map(|(_, column)| column.kind).collect();
        Ok(Self {
            name,
            sql: listing.sql,
            filters,
            pages,
            merged: None,
            archive: None,
            key,
            limit_default: Some(LIMIT_DEFAULT),
            may_lag: true,
        })
    }

    /// Begins the whole list, and reads its first rows, at most `first`.
    ///
    /// Returns `None` where a page is read first: the list may read more than it returns, the
    /// archive may have events of a short list, or other long reads take all places.
    async fn begin_whole(
        &self,
        state: &ApiState,
        first: i64,
        offset: i64,
        after: Option<&[Value]>,
    ) -> Result<Option<Begun>, ApiError> {
        let Some(sql) = self.merged else { return Ok(None) };
        let skip = Value::Int8(offset);
        let params = self.params(&Value::Null, &skip, after);
        let rows = usize::try_from(first).unwrap_or(usize::MAX);
        let Some(begun) =
            state.reads(self.may_lag).long_reads.try_merged(sql, &params, rows).await?
        else {
            return Ok(None);
        };
        let matters = match &self.archive {
            Some(archive) if !is_full(begun.head(), first) => {
                archive.matters(state, &[], false).await?
            }
            _ => false,
        };
        Ok((!matters).then_some(begun))
    }

    /// Begins the whole list.
    async fn begin(
        &self,
        state: &ApiState,
        offset: i64,
        after: Option<&[Value]>,
    ) -> Result<Begun, ApiError> {
        let skip = Value::Int8(offset);
        let params = self.params(&Value::Null, &skip, after);
        let long_reads = &state.reads(self.may_lag).long_reads;
        match self.merged {
            Some(sql) => long_reads.begin_merged(sql, &params).await,
            None => long_reads.begin(self.sql, &params).await,
        }
    }

    /// Returns a page.
    async fn page(
        &self,
        state: &ApiState,
        first: i64,
        offset: i64,
        after: Option<&[Value]>,
    ) -> Result<Page, ApiError> {
        let rows = self.page_of_database(state, first, offset, after, true).await?;
        let archive = match &self.archive {
            Some(archive) if archive.matters(state, &rows, is_full(&rows, first)).await? => archive,
            _ => return Ok(Page { rows, reached: None }),
        };
        if offset > ARCHIVED_OFFSET_MAX {
            return Err(ApiError::parameter(
                "offset",
                format!("is more than {ARCHIVED_OFFSET_MAX}, and the list has archived events"),
                "follow the Link header from page to page",
            ));
        }
        let rows = match Arc::try_unwrap(rows) {
            Ok(rows) if offset == 0 => rows,
            // Events of the archive may be among those that are left out.
            _ => {
                let rows = self.page_of_database(state, first + offset, 0, after, false).await?;
                Arc::try_unwrap(rows).unwrap_or_default()
            }
        };
        let limit = usize::try_from(first + offset).unwrap_or(usize::MAX);
        let mut merged = archive.merge(state, rows, limit, after.and_then(key_of_event)).await?;
        let skip = usize::try_from(offset).unwrap_or(usize::MAX).min(merged.rows.len());
        merged.rows.drain(..skip);
        Ok(Page { rows: merged.rows.into(), reached: merged.reached })
    }

    /// Returns the rows of a page that are in the database. Only with `may_share`, another request
    /// may have them, too.
    async fn page_of_database(
        &self,
        state: &ApiState,
        first: i64,
        offset: i64,
        after: Option<&[Value]>,
        may_share: bool,
    ) -> Result<Arc<Vec<Row>>, ApiError> {
        let (limit, skip) = (Value::Int8(first), Value::Int8(offset));
        let params = self.params(&limit, &skip, after);
        let reads = state.reads(self.may_lag);
        for statement in &self.pages {
            match statement {
                PageStatement::Unfiltered(sql) | PageStatement::UnfilteredNear(sql)
                    if after.is_none() && may_share =>
                {
                    let rows = reads.pages.find((*sql, first, offset)).await?.unwrap_or_default();
                    if matches!(statement, PageStatement::Unfiltered(_)) || is_full(&rows, first) {
                        return Ok(rows);
                    }
                }
                PageStatement::OneFilter(sql, n) if after.is_none() => {
                    let (value, kind) = &self.filters[*n];
                    let params: [SqlParam<'_>; 3] =
                        [(&first, Type::INT8), (&offset, Type::INT8), (value, kind.clone())];
                    let rows = reads.keys.rows(sql, &params).await?;
                    if !rows.is_empty() {
                        return Ok(rows.into());
                    }
                }
                PageStatement::Exact(sql) => {
                    return Ok(reads.lists.rows(sql, &params).await?.into());
                }
                PageStatement::Near(sql) => {
                    let rows = reads.lists.rows(sql, &params).await?;
                    if is_full(&rows, first) {
                        return Ok(rows.into());
                    }
                }
                PageStatement::Since { months, from, to } => {
                    let Some(since) = self.since(*months, (*from, *to), after) else { continue };
                    let since = Value::Instant(since);
                    let mut params = self.params(&limit, &skip, after);
                    params[2 + from].0 = &since;
                    let rows = reads.lists.rows(self.sql, &params).await?;
                    if is_full(&rows, first) {
                        return Ok(rows.into());
                    }
                }
                PageStatement::Unfiltered(_)
                | PageStatement::UnfilteredNear(_)
                | PageStatement::OneFilter(..) => {}
            }
        }
        Ok(reads.lists.rows(self.sql, &params).await?.into())
    }

    /// Returns the begin of a month: `months` before the month in which a page begins. `None` when
    /// the list does not go back that far.
    fn since(
        &self,
        months: u32,
        (from, to): (usize, usize),
        after: Option<&[Value]>,
    ) -> Option<Micros> {
        let instant = |value: &Value| match value {
            Value::Instant(at) => Some(*at),
            _ => None,
        };
        let newest = [instant(&self.filters[to].0), after.and_then(|key| instant(key.first()?))];
        let newest = newest.into_iter().flatten().chain([now()]).min()?;
        let since = newest.month_begin(months)?;
        instant(&self.filters[from].0).is_none_or(|from| from < since).then_some(since)
    }

    pub(crate) fn params<'a>(
        &'a self,
        limit: &'a Value,
        offset: &'a Value,
        after: Option<&'a [Value]>,
    ) -> Vec<SqlParam<'a>> {
        let key =
            self.key.iter().enumerate().map(|(n, kind)| {
                (after.map_or(&Value::Null, |after| &after[n]) as _, kind.sql_type())
            });
        [(limit as _, Type::INT8), (offset as _, Type::INT8)]
            .into_iter()
            .chain(Value::params(&self.filters))
            .chain(key)
            .collect()
    }
}

/// Returns one record as JSON, by its id. The statement's parameters are topic, stream, partition
/// and offset. Answers 404 without a row.
pub(crate) async fn record_json<E: RowEncoder>(
    state: &ApiState,
    (what, sql): (&'static str, &'static str),
    id: &EventId,
    elements: impl FnOnce(Known) -> E,
) -> Result<Vec<u8>, ApiError> {
    let params: [SqlParam<'_>; 4] = [
        (&id.topic, Type::TEXT),
        (&id.stream, Type::INT4),
        (&id.partition, Type::INT4),
        (&id.offset, Type::INT8),
    ];
    let row = state.keys.row(sql, &params).await?;
    let row = row.ok_or_else(|| ApiError::NotFound { what, id: id.to_string() })?;
    let elements = elements(state.streams(Some(std::slice::from_ref(&row))).await?);
    Ok(format::one(&elements, &row)?)
}

/// Returns the first `limit` elements of a list as JSON.
pub(crate) async fn first_page<E: RowEncoder>(
    state: &ApiState,
    query: &Query,
    limit: i64,
    elements: impl AsyncFnOnce(Option<&[Row]>) -> Result<E, ApiError>,
) -> Result<Vec<u8>, ApiError> {
    let rows = state
        .lists
        .rows(query.sql, &query.params(&Value::Int8(limit), &Value::Int8(0), None))
        .await?;
    Writer::new(Format::Json, elements(Some(&rows)).await?).page(&rows)
}

/// Returns one row as JSON, or 304 when the client has it.
pub(crate) fn answer_one(
    known: &IfNoneMatch,
    elements: &impl RowEncoder,
    row: &Row,
) -> Result<Response, ApiError> {
    Ok(etag::answer(known, format::one(elements, row)?))
}

/// Shows the rows of a model's [`Listing`] unchanged.
pub(crate) struct Columns(pub(crate) &'static [ListColumn]);

impl RowEncoder for Columns {
    fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|column| column.name).collect()
    }

    fn cells<'r>(
        &'r self,
        row: &'r Row,
        cells: &mut Vec<Cell<'r>>,
    ) -> Result<(), tokio_postgres::Error> {
        Self::read(self.0, row, cells)
    }
}

impl Columns {
    /// Reads these columns, which are the first columns of the row in this order.
    pub(crate) fn read<'r>(
        columns: impl IntoIterator<Item = &'static ListColumn>,
        row: &'r Row,
        cells: &mut Vec<Cell<'r>>,
    ) -> Result<(), tokio_postgres::Error> {
        for (at, column) in columns.into_iter().enumerate() {
            cells.push(Cell::of(column, row, at)?);
        }
        Ok(())
    }
}
