//! The settings of a program that writes, and the writer that comes into being when the database
//! says what is in force.

use tokio::sync::OnceCell;
use weir_model::Models;
use weir_plugin::Plugins;
use weir_store::{DatabaseConfig, Store, StoreError, WriteLimits, Writer};

use crate::{data::Wanted, flags::DataFlags};

/// What ingest needs to write, and the API to retry. Every setting is a flag of `weir` and an
/// environment variable of the functions.
#[derive(Debug, Clone, clap::Args)]
pub struct WriterConfig {
    /// The database.
    #[command(flatten)]
    pub database: DatabaseConfig,

    /// What describes the data.
    #[command(flatten)]
    pub data: DataFlags,

    /// Limits of the write path.
    #[command(flatten)]
    pub limits: WriteLimits,
}

/// A writer of a function, whose settings of the data are read once, as soon as the database
/// answers.
pub struct LateWriter {
    store: Store,
    wanted: Wanted,
    limits: WriteLimits,
    models: Models,
    plugins: Plugins,
    writer: OnceCell<Writer>,
}

impl WriterConfig {
    /// The writer of these settings. Nothing is connected yet; wrong settings are the error, as far
    /// as they are wrong by themselves.
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
    /// The writer. Until the settings could be read each call tries again; one that contradicts the
    /// database is the error.
    pub async fn get(&self) -> Result<&Writer, StoreError> {
        let made = async || {
            let data = self.wanted.in_force(&self.store).await?;
            data.writer_on(self.store.clone(), &self.limits, &self.models, &self.plugins)
        };
        self.writer.get_or_try_init(made).await
    }
}
