//! Where dumps are, and which of them are public.

use std::sync::Arc;

use weir_blob::Blobs;
use weir_model::Models;

use crate::ApiError;

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
            Some(name) => Err(format!(
                "--public-dumps: there is no model {name:?}; there are: {}",
                models.names()
            )),
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
