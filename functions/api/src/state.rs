//! What the handlers share.

use std::sync::Arc;

use weir_store::Store;

use crate::{Access, Health, Reader, long_read::LongReads};

/// Everything that the routes need. Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    /// For transactions, and for plugins.
    pub(crate) store: Store,
    /// For what is found by key, at once.
    pub(crate) reader: Reader,
    /// For lists. Answers on one connection come in the order of the questions: a slow list must not stand
    /// before a build that is found by its key.
    pub(crate) lists: Reader,
    pub(crate) long_reads: LongReads,
    pub(crate) access: Access,
    pub(crate) health: Arc<dyn Health>,
    pub(crate) version: &'static str,
}

impl ApiState {
    /// The state over one database. `access` is what requests have to show, `version` what `GET /` says.
    pub fn new(store: Store, reader: Reader, access: Access, health: Arc<dyn Health>, version: &'static str) -> Self {
        Self { lists: Reader::new(store.clone()), long_reads: LongReads::new(store.clone()), store, reader, access, health, version }
    }
}
