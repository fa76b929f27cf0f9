//! The health of database, broker and poller.

use std::{sync::Arc, time::Instant};

use async_trait::async_trait;
use tokio::sync::Mutex;
use weir_api::{Condition, DatabaseHealth, Health, fault_of};
use weir_store::{HealthKind, HealthReasons};

use crate::poller::PollerHandle;

pub(super) struct ServeHealth {
    pub database: DatabaseHealth,
    pub poller: Arc<Mutex<Option<PollerHandle>>>,
    pub reasons: HealthReasons,
}

#[async_trait]
impl Health for ServeHealth {
    async fn condition(&self) -> Condition {
        let mut found = self.database.condition().await;
        let status = self.poller.lock().await.as_ref().map(PollerHandle::status);
        let now = Instant::now();
        found.reasons.extend(status.iter().flat_map(|status| status.reasons(now)));
        if status.is_none_or(|s| s.connected != Some(true)) {
            found.faults.push(fault_of(HealthKind::Broker, "the Kafka broker does not answer"));
        }
        found.reasons.extend(self.reasons.list());
        found
    }
}
