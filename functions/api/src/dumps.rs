//! The destination of the dumps, and the models whose dumps are public.

use std::sync::Arc;

use weir_blob::Blobs;
use weir_model::Models;

use crate::ApiError;

/// The setting of the dumps that can be read without a key.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct PublicDumps {
    /// Models whose dumps can be read without an API key
    #[arg(long, env = "PUBLIC_DUMPS", value_name = "MODEL,…", value_delimiter = ',')]
    pub public_dumps: Vec<String>,
}

impl PublicDumps {
    /// Checks that every name is a model. A typing error would keep dumps private that should be
    /// public.
    pub fn check(&self, models: &Models) -> Result<(), String> {
        match self.public_dumps.iter().find(|name| models.get(name).is_none()) {
            Some(name) => Err(format!(
                "--public-dumps: unknown model {name:?}; the models are: {}",
                models.names()
            )),
            None => Ok(()),
        }
    }
}

/// The destination of the dumps, and the models whose dumps can be read without a key. Cheap to
/// clone.
#[derive(Clone, Default)]
pub struct Dumps {
    blobs: Option<Blobs>,
    public: Arc<[String]>,
}

impl Dumps {
    /// Returns the dumps in `blobs`. Dumps of the models `public` are served without a key.
    pub fn new(blobs: Option<Blobs>, public: &[String]) -> Self {
        Self { blobs, public: public.into() }
    }

    pub(crate) fn blobs(&self) -> Result<&Blobs, ApiError> {
        self.blobs.as_ref().ok_or(ApiError::NoDumps)
    }

    pub(crate) fn store(&self) -> Option<&Blobs> {
        self.blobs.as_ref()
    }

    /// Returns whether a model's dumps can be read without a key.
    pub(crate) fn is_public(&self, model: &str) -> bool {
        self.public.iter().any(|m| m == model)
    }

    /// Returns the models whose dumps can be read without a key.
    pub(crate) fn public(&self) -> &[String] {
        &self.public
    }
}
