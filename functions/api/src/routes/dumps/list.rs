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
use weir_blob::{Blobs, Manifest, UtcDay};

use super::public::PublicOnly;
use crate::{
    ApiError, ApiState,
    query::{LIMIT_DEFAULT, Params},
};

/// Number of manifests that are requested at the same time.
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
    /// The name of the file, as in the manifest.
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
    let days = blobs.days(model).await?.into_keys().rev();
    let days: Vec<UtcDay> = days.filter(|day| (from..=to).contains(day)).collect();
    let mut looked = stream::iter(days).map(|day| blobs.manifest(model, day)).buffered(AT_ONCE);
    let mut whole = Vec::new();
    while whole.len() < limit
        && let Some(manifest) = looked.try_next().await?
    {
        // A day without a manifest is being dumped, or its dump was interrupted.
        whole.extend(manifest.map(files));
    }
    Ok(whole)
}

fn files(manifest: Manifest) -> DayFiles {
    let href = format!("/dumps/{}/{}", manifest.model, manifest.day);
    let file = |file: weir_blob::ManifestFile| FileInfo {
        href: [&href, "/", &file.name].concat(),
        name: file.name,
        bytes: file.bytes,
    };
    let files = manifest.files.into_iter().map(file).collect();
    DayFiles { day: manifest.day, href, files }
}
