//! Runs a function, from its settings to its end.

use std::{
    fmt::{Debug, Display},
    process::ExitCode,
};

use bytes::Bytes;
use clap::{Args, Parser};
use futures_util::Stream;
#[cfg(feature = "otel")]
use lambda_runtime::layers::TracingLayer;
use lambda_runtime::{Diagnostic, Error, IntoFunctionResponse, LambdaEvent, Service};
use serde::{Deserialize, Serialize};

#[cfg(feature = "otel")]
use crate::otlp::Spans;
use crate::{TracesConfig, Trigger, log, settings};

/// Serves a function. The log is set up, and spans have an exporter if one is configured.
pub struct Runtime {
    #[cfg(feature = "otel")]
    spans: Option<Spans>,
}

/// Calls [`begin`] and then `start` with the settings of the function.
///
/// When one of them fails, the reason is printed on stderr. The function must not run, and the
/// error is its exit code.
pub async fn start<S: Parser + Args, T, E: Display>(
    function: &'static str,
    start: impl AsyncFnOnce(S) -> Result<T, E>,
) -> Result<(T, Runtime), ExitCode> {
    let (settings, runtime) = begin(function).map_err(|error| settings::refuse(function, error))?;
    let started = start(settings).await.map_err(|error| settings::refuse(function, error))?;
    Ok((started, runtime))
}

/// Reads the settings from the environment and sets up the log. The error is one line that names
/// the setting.
pub fn begin<S: Parser + Args>(function: &'static str) -> Result<(S, Runtime), String> {
    let (own, traces): (S, TracesConfig) = settings::read()?;
    Ok((own, Runtime::with(&traces, function)?))
}

impl Runtime {
    /// Sets up the log of a function that runs without its settings.
    pub fn without_settings() -> Self {
        log::to_stdout();
        Self {
            #[cfg(feature = "otel")]
            spans: None,
        }
    }

    #[cfg(feature = "otel")]
    fn with(traces: &TracesConfig, function: &'static str) -> Result<Self, String> {
        let spans = match &traces.otel_exporter_otlp_endpoint {
            None => None,
            Some(endpoint) => Some(
                Spans::to(endpoint, function)
                    .map_err(|error| format!("OTEL_EXPORTER_OTLP_ENDPOINT: {error}"))?,
            ),
        };
        match &spans {
            None => log::to_stdout(),
            Some(spans) => log::to_stdout_and(spans.tracer()),
        }
        Ok(Self { spans })
    }

    #[cfg(not(feature = "otel"))]
    fn with(traces: &TracesConfig, _function: &'static str) -> Result<Self, String> {
        if traces.otel_exporter_otlp_endpoint.is_some() {
            return Err(
                "OTEL_EXPORTER_OTLP_ENDPOINT is set, but this function was built without traces: \
                    build it with --features weir-function/otel"
                    .to_owned(),
            );
        }
        log::to_stdout();
        Ok(Self {})
    }

    /// Requests events from Lambda and passes them to `handler` until the process ends.
    #[cfg_attr(
        not(feature = "otel"),
        expect(unused_variables, reason = "only spans need the trigger of the function")
    )]
    pub async fn serve<A, F, R, B, S, D, E>(self, trigger: Trigger, handler: F) -> ExitCode
    where
        F: Service<LambdaEvent<A>, Response = R>,
        F::Future: Future<Output = Result<R, F::Error>>,
        F::Error: Into<Diagnostic> + Debug,
        A: for<'de> Deserialize<'de>,
        R: IntoFunctionResponse<B, S>,
        B: Serialize,
        S: Stream<Item = Result<D, E>> + Unpin + Send + 'static,
        D: Into<Bytes> + Send,
        E: Into<Error> + Send + Debug,
    {
        #[cfg(feature = "otel")]
        let served = match self.spans {
            None => lambda_runtime::run(handler).await,
            Some(spans) => {
                lambda_runtime::Runtime::new(handler)
                    .layer(TracingLayer::new())
                    .layer(spans.layer(trigger))
                    .run()
                    .await
            }
        };
        #[cfg(not(feature = "otel"))]
        let served = lambda_runtime::run(handler).await;
        match served {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!(%error, "the runtime ended");
                ExitCode::FAILURE
            }
        }
    }
}
