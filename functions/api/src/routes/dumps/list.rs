//! `GET /dumps`: days and files by model.

use axum::{
    Extension, Json,
    extract::State,
    http::{Uri, header},
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use utoipa::ToSchema;
use weir_blob::{Blobs, UtcDay, layout};

use super::public::PublicOnly;
use crate::{
    ApiError, ApiState,
    query::{LIMIT_DEFAULT, Params},
};

/// Number of days whose folders are listed at the same time.
const AT_ONCE: usize = 8;

/// The dumps of a model.
#[derive(Serialize, ToSchema)]
#[schema(as = ModelDumps)]
pub(crate) struct ModelDumps {
    /// The model; `events` is the log.
    model: String,
    /// The dumped days, newest first.
    days: Vec<DayFiles>,
}

/// A day that was dumped.
#[derive(Serialize, ToSchema)]
#[schema(as = DumpedDay)]
pub(crate) struct DayFiles {
    /// The UTC day.
    #[schema(value_type = String, format = Date)]
    day: UtcDay,
    /// The path of the manifest.
    href: String,
    /// The files of the day.
    files: Vec<FileInfo>,
}

/// A file of a day.
#[derive(Serialize, ToSchema)]
#[schema(as = DumpedFile)]
pub(crate) struct FileInfo {
    /// The name of the file within the day.
    name: String,
    /// The length of the file in bytes.
    bytes: u64,
    /// The path of the file.
    href: String,
}

/// Returns the days that are completely dumped, which are the days with a manifest.
#[utoipa::path(
    get, path = "/dumps", security((), ("key" = ["read"])),
    operation_id = "dumps_list", tag = "dumps",
    params(
        ("model" = Option<String>, Query, description = "Only this model."),
        ("from" = Option<String>, Query, format = Date, description = "This day or later."),
        ("to" = Option<String>, Query, format = Date, description = "This day or earlier."),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 1000, description = "The most days of each model; the default is 20."),
    ),
    responses((status = 200, description = "The newest days of each model, with their files.", body = Vec<ModelDumps>)),
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    public: Option<Extension<PublicOnly>>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let mut params = Params::of(&uri);
    let (model, from, to) = (params.text("model")?, params.day("from")?, params.day("to")?);
    let limit = usize::try_from(params.limit()?.unwrap_or(LIMIT_DEFAULT)).unwrap_or(usize::MAX);
    params.done()?;
    let blobs = state.dumps.blobs()?;
    let wanted = |name: &str| {
        model.as_deref().is_none_or(|m| m == name)
            && (public.is_none() || state.dumps.is_public(name))
    };
    let names: Vec<&str> =
        state.writer.models().iter().map(|m| m.name()).filter(|name| wanted(name)).collect();
    let mut all = Vec::new();
    for name in names {
        let days =
            days(blobs, name, from.unwrap_or(UtcDay::FIRST), to.unwrap_or(UtcDay::LAST), limit)
                .await?;
        if !days.is_empty() {
            all.push(ModelDumps { model: name.to_owned(), days });
        }
    }
    Ok(([(header::CACHE_CONTROL, "no-cache")], Json(all)).into_response())
}

async fn days(
    blobs: &Blobs,
    model: &str,
    from: UtcDay,
    to: UtcDay,
    limit: usize,
) -> Result<Vec<DayFiles>, ApiError> {
    let mut days: Vec<UtcDay> =
        blobs.folders(model).await?.iter().filter_map(|folder| layout::day_of(folder)).collect();
    days.retain(|day| (from..=to).contains(day));
    days.sort_unstable_by(|a, b| b.cmp(a));
    let mut looked = stream::iter(days).map(|day| files(blobs, model, day)).buffered(AT_ONCE);
    let mut whole = Vec::new();
    while whole.len() < limit
        && let Some(day) = looked.try_next().await?
    {
        whole.extend(day);
    }
    Ok(whole)
}

/// Returns `None` for a day without a manifest. Such a day is being dumped, or its dump was
/// interrupted.
async fn files(blobs: &Blobs, model: &str, day: UtcDay) -> Result<Option<DayFiles>, ApiError> {
    let folder = layout::day(model, day);
    let href = format!("/dumps/{model}/{day}");
    let mut whole = false;
    let mut files = Vec::new();
    for object in blobs.list(&folder).await? {
        let name =
            object.path.strip_prefix(&folder).and_then(|n| n.strip_prefix('/')).unwrap_or_default();
        whole |= name == layout::MANIFEST;
        if name != layout::MANIFEST && layout::is_file(name) {
            files.push(FileInfo {
                name: name.to_owned(),
                bytes: object.bytes,
                href: [&href, "/", name].concat(),
            });
        }
    }
    Ok(whole.then_some(DayFiles { day, href, files }))
}
