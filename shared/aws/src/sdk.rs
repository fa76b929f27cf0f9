//! The AWS SDK with Weir's own HTTP client and TLS library. The SDK's default client would add a
//! second TLS library.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Duration,
};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
            SharedHttpClient, SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::HttpError,
};
use aws_smithy_types::body::SdkBody;
use reqwest::{Body, Client, Request, redirect::Policy};

/// Read timeout of the SDK's services. It applies only when the caller sets no timeout.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Loads the AWS settings from environment variables and files.
pub(crate) async fn settings() -> SdkConfig {
    static CLIENTS: LazyLock<SharedHttpClient> =
        LazyLock::new(|| SharedHttpClient::new(Clients::default()));
    // Boxed because the SDK's futures are nested too deeply for the compiler.
    Box::pin(aws_config::defaults(BehaviorVersion::latest()).http_client(CLIENTS.clone()).load())
        .await
}

/// The connect timeout and the read timeout.
type Timeouts = (Option<Duration>, Option<Duration>);

/// Caches one client for each pair of timeouts. The SDK requests a client for every attempt, and a
/// new client takes milliseconds to read the system's certificates.
#[derive(Debug, Default)]
struct Clients(Mutex<HashMap<Timeouts, Client>>);

impl HttpClient for Clients {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let client = self.client((settings.connect_timeout(), settings.read_timeout()));
        SharedHttpConnector::new(Reqwest(client.map_err(Arc::new)))
    }
}

impl Clients {
    /// An error is not cached: the next attempt may succeed.
    fn client(&self, timeouts: Timeouts) -> reqwest::Result<Client> {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = made.get(&timeouts) {
            return Ok(client.clone());
        }
        let client = client(timeouts)?;
        made.insert(timeouts, client.clone());
        Ok(client)
    }
}

fn client((connect, read): Timeouts) -> reqwest::Result<Client> {
    let client = Client::builder()
        .redirect(Policy::none())
        // An idle connection would outlive the freeze of a Lambda function, or the short-lived
        // runtime that requests a token for Kafka.
        .pool_max_idle_per_host(0)
        .read_timeout(read.unwrap_or(READ_TIMEOUT));
    let client = match connect {
        Some(limit) => client.connect_timeout(limit),
        None => client,
    };
    client.build()
}

/// A client, or the error of the TLS setup.
#[derive(Debug)]
struct Reqwest(Result<Client, Arc<reqwest::Error>>);

impl HttpConnector for Reqwest {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let client = client.map_err(|reason| ConnectorError::user(reason.into()))?;
            let sent = client.execute(outgoing(request).map_err(ConnectorError::user)?).await;
            incoming(sent.map_err(failure)?)
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

fn outgoing(request: HttpRequest) -> Result<Request, Box<dyn std::error::Error + Send + Sync>> {
    Ok(request.try_into_http1x()?.map(Body::wrap).try_into()?)
}

fn incoming(answer: reqwest::Response) -> Result<HttpResponse, HttpError> {
    http::Response::from(answer).map(SdkBody::from_body_1_x).try_into()
}

/// Maps an error to the SDK's classes, which decide about retries.
fn failure(error: reqwest::Error) -> ConnectorError {
    // The URL from which a container fetches its credentials is a secret, and errors are logged.
    let error = error.without_url();
    if error.is_timeout() {
        ConnectorError::timeout(error.into())
    } else if error.is_builder() {
        ConnectorError::user(error.into())
    } else {
        ConnectorError::io(error.into())
    }
}
