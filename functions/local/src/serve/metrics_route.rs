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
use weir_api::{Condition, Health, condition_in_time};
use weir_http::Route;
use weir_store::HealthReason;

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
    health: Arc<dyn Health>,
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
        health: Arc<dyn Health>,
    ) -> Self {
        Self { handle, poller, health, shown: Arc::default() }
    }

    /// Sets the gauge of each reason of `GET /healthz`.
    fn show_reasons(&self, Condition { faults, reasons }: Condition) {
        let labels = |reason: HealthReason| {
            (
                reason.kind.name(),
                reason.topic.unwrap_or_default(),
                reason.partition.map(|number| number.to_string()).unwrap_or_default(),
            )
        };
        let now: BTreeSet<ReasonLabels> = faults.into_iter().chain(reasons).map(labels).collect();
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
    sources.show_reasons(condition_in_time(sources.health.as_ref()).await);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], sources.handle.render())
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use weir_api::fault_of;
    use weir_store::HealthKind;

    use super::*;

    /// The kinds of `GET /healthz`, first those of faults.
    const KINDS: [HealthKind; 12] = [
        HealthKind::Database,
        HealthKind::Broker,
        HealthKind::Health,
        HealthKind::Settings,
        HealthKind::Batch,
        HealthKind::Contradiction,
        HealthKind::Gap,
        HealthKind::Refused,
        HealthKind::OpenTransaction,
        HealthKind::Partition,
        HealthKind::Topic,
        HealthKind::Consumer,
    ];

    struct Fake;

    #[async_trait]
    impl Health for Fake {
        async fn condition(&self) -> Condition {
            let reason = |kind| HealthReason {
                kind,
                topic: Some("t".into()),
                partition: Some(3),
                text: "fails".into(),
            };
            Condition {
                faults: KINDS[..4].iter().copied().map(|kind| fault_of(kind, "is away")).collect(),
                reasons: KINDS[4..].iter().copied().map(reason).collect(),
            }
        }
    }

    #[test]
    fn each_reason_of_the_health_is_1_and_0_when_it_is_over() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        let state = MetricsState::new(handle.clone(), Arc::default(), Arc::new(Fake));
        let condition = futures_util::future::FutureExt::now_or_never(Fake.condition());
        let condition = condition.expect("it is ready");
        for (condition, value) in [(condition, 1), (Condition::default(), 0)] {
            metrics::with_local_recorder(&recorder, || state.show_reasons(condition));
            let shown = handle.render();
            for (kind, labels) in KINDS[..4]
                .iter()
                .map(|kind| (kind.name(), r#"topic="",partition="""#))
                .chain(KINDS[4..].iter().map(|kind| (kind.name(), r#"topic="t",partition="3""#)))
            {
                let line = format!(r#"weir_health_reason{{kind="{kind}",{labels}}} {value}"#);
                assert!(shown.contains(&line), "{line}: {shown}");
            }
        }
    }
}
