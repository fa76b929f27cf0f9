//! The metrics of a batch.

use weir_function::{Metric, Unit};
use weir_store::Report;

/// Returns the log line of a batch in `CloudWatch`'s embedded metric format.
///
/// `timestamp_ms` is the time of the invocation, in milliseconds since 1970. `elapsed_ms` is its
/// duration.
pub fn emf_line(report: &Report, timestamp_ms: u64, elapsed_ms: f64) -> String {
    let mut metrics: Vec<Metric> =
        report.counts().iter().map(|(name, count)| (*name, Unit::Count, (*count).into())).collect();
    metrics.push((
        "gaps",
        Unit::Count,
        u32::try_from(report.gaps.len()).unwrap_or(u32::MAX).into(),
    ));
    metrics.push(("retries", Unit::Count, report.retries.into()));
    metrics.push(("batch_ms", Unit::Milliseconds, elapsed_ms.into()));
    weir_function::emf_line(&[("group", &report.group_id)], metrics, timestamp_ms)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_metric_that_is_declared_has_its_value() {
        let report = Report {
            around_consume: 3,
            event_acknowledged: 2,
            event_failed: 1,
            group_id: "weir".into(),
            ..Report::default()
        };
        let line: Value =
            serde_json::from_str(&emf_line(&report, 1_700_000_000_000, 12.5)).unwrap();
        for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{metric}");
        }
        assert_eq!(line["event_failed"], 1);
        assert_eq!(line["group"], "weir");
    }
}
