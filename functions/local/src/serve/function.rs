//! The ingest function, called in this process with the same event JSON that Lambda gives it.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use weir_ingest::Handler;

use crate::poller::{Invoke, InvokeError};

pub(super) struct IngestFunction(pub Handler);

#[async_trait]
impl Invoke for IngestFunction {
    async fn invoke(&self, event: Bytes, time_left: Duration) -> Result<(), InvokeError> {
        self.0.handle(&event, time_left).await.map(drop).map_err(InvokeError::new)
    }
}
