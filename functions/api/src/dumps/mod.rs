//! Daily dumps: which days there are, what each holds, and the files themselves.

pub(crate) mod day;
pub(crate) mod file;
pub(crate) mod list;

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use weir_blob::{Blobs, Day, Manifest, layout};
use weir_model::{Models, excerpt};

use crate::{ApiError, ApiState};

/// The setting of what everybody may read.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct PublicDumps {
    /// Models whose dumps are served without a key
    #[arg(long, env = "PUBLIC_DUMPS", value_name = "MODEL,…", value_delimiter = ',')]
    pub public_dumps: Vec<String>,
}

impl PublicDumps {
    /// An error for a name that is no model's: a typing error would close what should be open.
    pub fn check(&self, models: &Models) -> Result<(), String> {
        match self.public_dumps.iter().find(|name| models.get(name).is_none()) {
            Some(name) => Err(format!("--public-dumps: there is no model {name:?}; there are: {}", models.names())),
            None => Ok(()),
        }
    }
}

/// Where dumps lie, and which may be read without a key. Cheap to clone.
#[derive(Clone, Default)]
pub struct Dumps {
    blobs: Option<Blobs>,
    public: Arc<[String]>,
}

impl Dumps {
    /// Dumps at this place; those of the models `public` are served without a key.
    pub fn new(blobs: Option<Blobs>, public: &[String]) -> Self {
        Self { blobs, public: public.into() }
    }

    pub(crate) fn blobs(&self) -> Result<&Blobs, ApiError> {
        self.blobs.as_ref().ok_or(ApiError::NoDumps)
    }

    /// Whether a model's dumps are open to everyone.
    pub(crate) fn is_public(&self, model: &str) -> bool {
        self.public.iter().any(|m| m == model)
    }

    /// The models whose dumps are.
    pub(crate) fn public(&self) -> &[String] {
        &self.public
    }
}

/// Set on a request that shows no key and may see what is public.
#[derive(Clone, Copy)]
pub(crate) struct PublicOnly;

/// The parts of a path below `/dumps`.
pub(crate) struct DayPath {
    pub(crate) model: String,
    pub(crate) day: Day,
    /// A file's name within the day's folder.
    pub(crate) file: Option<String>,
}

impl FromRequestParts<ApiState> for DayPath {
    type Rejection = ApiError;

    /// What can be no day of a model, and no file of a dump, is there as little as one that was never dumped: 404.
    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let missing = |parts: &Parts| ApiError::NotFound { what: "dump", id: excerpt(parts.uri.path()) };
        let Ok(params) = RawPathParams::from_request_parts(parts, state).await else { return Err(missing(parts)) };
        let get = |name: &str| params.iter().find(|(n, _)| *n == name).map(|(_, value)| value.to_owned());
        let model = get("model").filter(|m| state.writer.models().get(m).is_some());
        let day = get("day").and_then(|d| d.parse().ok());
        let file = match (get("topic"), get("file")) {
            (Some(topic), Some(file)) => Some([topic, file].join("/")),
            (None, file) => file,
            (Some(_), None) => None,
        };
        match (model, day) {
            (Some(model), Some(day)) if file.as_deref().is_none_or(layout::is_file) => Ok(Self { model, day, file }),
            _ => Err(missing(parts)),
        }
    }
}

/// A day's manifest, as it lies there and as it reads.
pub(crate) async fn manifest(blobs: &Blobs, model: &str, day: Day) -> Result<(Vec<u8>, Manifest), ApiError> {
    let path = [&layout::day(model, day), "/", layout::MANIFEST].concat();
    let Some(json) = blobs.get(&path).await? else { return Err(ApiError::NotFound { what: "dump", id: format!("{model} {day}") }) };
    let manifest = Manifest::parse(&json).map_err(|fault| weir_blob::BlobError::Damaged { path, fault })?;
    Ok((json.to_vec(), manifest))
}
