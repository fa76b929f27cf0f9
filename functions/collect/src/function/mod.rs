//! Handles the invocations of the Lambda function: a request of API Gateway, a notification of S3,
//! or an event of `EventBridge`.

mod event_bridge;
mod notification;
mod s3;

use std::sync::Arc;

use lambda_http::{Adapter, request::LambdaRequest};
use lambda_runtime::{Error, LambdaEvent};
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use tower::Service;
use weir_collect::{Sources, intake::Intake};
use weir_http::{Function, prepared};

pub(crate) use s3::S3;

pub(crate) struct Collect {
    function: Arc<Function>,
    intake: Intake,
    sources: Sources,
    s3: Arc<S3>,
}

/// The members of an event that show its kind.
#[derive(Deserialize)]
struct Kind<'e> {
    #[serde(rename = "Records", borrow)]
    records: Option<&'e RawValue>,
    #[serde(rename = "detail-type", borrow)]
    detail_type: Option<&'e RawValue>,
    #[serde(rename = "Event", borrow)]
    event: Option<&'e RawValue>,
}

impl Collect {
    pub(crate) fn new(function: Function, intake: Intake, sources: Sources, s3: Arc<S3>) -> Self {
        Self { function: Arc::new(function), intake, sources, s3 }
    }

    /// Handles one invocation. On an error Lambda retries an event of S3 or `EventBridge`, and then
    /// sends it to the failure destination of the function.
    pub(crate) async fn handle(
        &self,
        event: LambdaEvent<Box<RawValue>>,
    ) -> Result<Box<RawValue>, Error> {
        let kind: Kind<'_> = serde_json::from_str(event.payload.get())?;
        let done = match kind {
            Kind { records: Some(_), .. } => {
                notification::handle(&self.intake, &self.s3, event.payload.get()).await
            }
            Kind { detail_type: Some(_), .. } => {
                event_bridge::handle(&self.sources, event.payload.get()).await
            }
            // S3 sends this event when notifications are switched on.
            Kind { event: Some(event), .. } if event.get() == "\"s3:TestEvent\"" => Ok(()),
            Kind { .. } => return self.request(event).await,
        };
        if let Err(error) = &done {
            tracing::error!(%error, "the event was not collected; AWS sends it again");
        }
        done?;
        Ok(RawValue::NULL.to_owned())
    }

    async fn request(&self, event: LambdaEvent<Box<RawValue>>) -> Result<Box<RawValue>, Error> {
        let request: LambdaRequest = serde_json::from_str(event.payload.get())
            .map_err(|error| format!("not an event of API Gateway, S3 or EventBridge: {error}"))?;
        let function = Arc::clone(&self.function);
        let mut adapter = Adapter::from(tower::service_fn(move |request: lambda_http::Request| {
            let function = Arc::clone(&function);
            async move { function.handle(request).await }
        }));
        let answer = adapter.call(prepared(LambdaEvent::new(request, event.context))).await?;
        Ok(to_raw_value(&answer)?)
    }
}
