//! The settings of a program that writes, and a writer that is created when the settings in the
//! database are known.

use tokio::sync::OnceCell;
use weir_model::Models;
use weir_plugin::Plugins;
use weir_store::{DatabaseConfig, Store, StoreError, WriteLimits, Writer};

use crate::{data::Wanted, flags::DataFlags};

/// The settings of a program that writes: ingest, and the API for retries. Every setting is a flag
/// of `weir` and an environment variable of the functions.
#[derive(Debug, Clone, clap::Args)]
pub struct WriterConfig {
    /// The database.
    #[command(flatten)]
    pub database: DatabaseConfig,

    /// The settings of the data.
    #[command(flatten)]
    pub data: DataFlags,

    /// Limits of the write path.
    #[command(flatten)]
    pub limits: WriteLimits,
}

/// A writer of a function. Its settings of the data are read once, as soon as the database answers.
pub struct LateWriter {
    store: Store,
    wanted: Wanted,
    limits: WriteLimits,
    models: Models,
    plugins: Plugins,
    writer: OnceCell<Writer>,
}

impl WriterConfig {
    /// Checks these settings and returns a writer. It does not connect yet. Settings that are wrong
    /// without the database are an error.
    pub fn late(&self, models: Models, plugins: Plugins) -> Result<LateWriter, StoreError> {
        let wanted = Wanted::of(&self.data)?;
        wanted.check(&models, &plugins)?;
        let store = Store::new(&self.database)?;
        Ok(LateWriter {
            store,
            wanted,
            limits: self.limits.clone(),
            models,
            plugins,
            writer: OnceCell::new(),
        })
    }
}

impl LateWriter {
    /// Returns the writer.
    ///
    /// Each call reads the settings again until a call succeeds. A setting that contradicts the
    /// database is an error.
    pub async fn get(&self) -> Result<&Writer, StoreError> {
        let made = async || {
            let data = self.wanted.in_force(&self.store).await?;
            data.writer_on(self.store.clone(), &self.limits, &self.models, &self.plugins)
        };
        self.writer.get_or_try_init(made).await
    }
}
