//! Ready when database and broker are.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Mutex;
use weir_api::{Health, Part};
use weir_http::ReadConnection;

use crate::poller::PollerHandle;

pub(super) struct ServeHealth {
    pub reader: ReadConnection,
    pub poller: Arc<Mutex<Option<PollerHandle>>>,
}

#[async_trait]
impl Health for ServeHealth {
    async fn parts(&self) -> Vec<Part> {
        let database = self.reader.ping().await;
        let status = self.poller.lock().await.as_ref().map(PollerHandle::status);
        let kafka = status.is_some_and(|s| s.connected == Some(true));
        let fault = |ready: bool| if ready { None } else { Some("away") };
        vec![Part { name: "database", fault: fault(database.is_ok()) }, Part { name: "broker", fault: fault(kafka) }]
    }
}
