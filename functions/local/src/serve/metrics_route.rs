//! `GET /metrics`: counters since the start, in Prometheus' format
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{Request, State},
    http::{Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::get,
};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::sync::Mutex;
use weir_http::Route;
use weir_store::{HealthReason, HealthReasons};

use crate::{Exit, poller::PollerHandle};

/// The buckets in seconds. Requests by key take less than the first one, streams more than the last
/// one.
const SECONDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0, 30.0];
/// The interval in which samples are moved from memory into their buckets, also without a request.
const UPKEEP: Duration = Duration::from_secs(5);

/// Installs the recorder. From then on everything is counted.
pub(super) fn install() -> Result<PrometheusHandle, Exit> {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)
        .map_err(Exit::failed)?;
    let handle = builder.install_recorder().map_err(Exit::failed)?;
    describe_counter!("weir_records_total", "Records that ingest handled, by outcome");
    describe_counter!("weir_batches_total", "Invocations of ingest, by result");
    describe_histogram!("weir_batch_seconds", "Duration of an invocation");
    describe_gauge!(
        "weir_partitions_assigned",
        "Partitions that the consumer group gave to this process"
    );
    describe_gauge!("weir_broker_connected", "1 while the broker answers");
    describe_counter!(
        "weir_collected_total",
        "Values that were collected over HTTP, by topic and outcome"
    );
    describe_counter!(
        "weir_gaps_total",
        "Ranges of offsets that were not delivered although later offsets were stored"
    );
    describe_gauge!("weir_hidden_offsets", "Offsets that open transactions hide from consumers");
    describe_counter!(
        "weir_lost_ranges_total",
        "Ranges of offsets that the broker deleted before they were read"
    );
    describe_gauge!(
        "weir_health_reason",
        "1 while GET /healthz returns this reason, by kind, topic and partition"
    );
    describe_counter!("weir_http_requests_total", "Requests, by method, route and status");
    describe_histogram!(
        "weir_http_request_seconds",
        "Time until the answer of a request began, by route"
    );
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}

/// The state of the route.
#[derive(Clone)]
pub(super) struct MetricsState {
    handle: PrometheusHandle,
    poller: Arc<Mutex<Option<PollerHandle>>>,
    reasons: HealthReasons,
    /// The labels of the reasons that were shown. A reason that is over is shown with 0, so that
    /// its series does not disappear.
    shown: Arc<std::sync::Mutex<BTreeSet<ReasonLabels>>>,
}

/// Kind, topic and partition.
type ReasonLabels = (&'static str, String, String);

impl MetricsState {
    pub(super) fn new(
        handle: PrometheusHandle,
        poller: Arc<Mutex<Option<PollerHandle>>>,
        reasons: HealthReasons,
    ) -> Self {
        Self { handle, poller, reasons, shown: Arc::default() }
    }

    fn show_reasons(&self) {
        let labels = |reason: HealthReason| {
            (
                reason.kind,
                reason.topic.unwrap_or_default(),
                reason.partition.map(|number| number.to_string()).unwrap_or_default(),
            )
        };
        let now: BTreeSet<ReasonLabels> = self.reasons.list().into_iter().map(labels).collect();
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.extend(now.iter().cloned());
        for labels in &*shown {
            let (kind, topic, partition) = labels.clone();
            let value = if now.contains(labels) { 1.0 } else { 0.0 };
            gauge!("weir_health_reason", "kind" => kind, "topic" => topic, "partition" => partition).set(value);
        }
    }
}

/// Counts each request by its route. Requests without a route count as `none`, whatever their path.
pub(super) async fn count(request: Request, next: Next) -> Response {
    let (begun, method) = (Instant::now(), request.method().clone());
    let response = next.run(request).await;
    let route = response.extensions().get::<Route>().map_or("none", Route::as_str).to_owned();
    let status = response.status().as_str().to_owned();
    histogram!("weir_http_request_seconds", "route" => route.clone()).record(begun.elapsed());
    counter!("weir_http_requests_total", "method" => method_label(&method), "route" => route, "status" => status).increment(1);
    response
}

/// Returns the method's label. Clients can invent methods, so unknown ones share a label; otherwise
/// the number of series would be unbounded.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

pub(super) fn routes(sources: MetricsState) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(sources)
}

async fn metrics(State(sources): State<MetricsState>) -> impl IntoResponse {
    if let Some(status) = sources.poller.lock().await.as_ref().map(PollerHandle::status) {
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        gauge!("weir_partitions_assigned").set(status.partitions_assigned as f64);
        gauge!("weir_broker_connected").set(if status.connected == Some(true) { 1.0 } else { 0.0 });
        counter!("weir_lost_ranges_total").absolute(status.losses);
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        gauge!("weir_hidden_offsets")
            .set(status.hidden.values().map(|hidden| hidden.offsets).sum::<i64>() as f64);
    }
    sources.show_reasons();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], sources.handle.render())
}
