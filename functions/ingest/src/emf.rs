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
    if let Some(reached_ms) = report.reached_ms {
        // The clock of a producer may be ahead.
        let lag_ms = timestamp_ms.saturating_sub(u64::try_from(reached_ms).unwrap_or_default());
        metrics.push(("lag_seconds", Unit::Seconds, (lag_ms / 1000).into()));
    }
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
            reached_ms: Some(1_700_000_000_000 - 61_500),
            ..Report::default()
        };
        let line: Value =
            serde_json::from_str(&emf_line(&report, 1_700_000_000_000, 12.5)).unwrap();
        for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{metric}");
        }
        assert_eq!(line["event_failed"], 1);
        assert_eq!(line["group"], "weir");
        assert_eq!(line["lag_seconds"], 61);
    }

    #[test]
    fn a_clock_that_is_ahead_has_the_lag_zero() {
        let lag = |reached_ms| {
            let report = Report { reached_ms, ..Report::default() };
            let line: Value = serde_json::from_str(&emf_line(&report, 1_000, 1.0)).unwrap();
            line["lag_seconds"].clone()
        };
        assert_eq!((lag(Some(5_000)), lag(None)), (0.into(), Value::Null));
    }

    /// The metric filters of the template read this line, and no other line of the log.
    #[test]
    fn the_template_reads_the_fields_of_this_line() {
        let report = Report { reached_ms: Some(1), ..Report::default() };
        let line: Value = serde_json::from_str(&emf_line(&report, 1_000, 1.0)).unwrap();
        let template = include_str!("../../../template.yaml");
        let patterns = template.lines().filter_map(|l| l.trim().strip_prefix("FilterPattern: "));
        let mut seen = 0;
        for pattern in patterns {
            let fields = pattern.split("$.").skip(1).filter_map(|rest| rest.split(' ').next());
            for field in fields {
                assert!(line[field].is_number(), "{pattern}: {field} is not in {line}");
                assert!(template.contains(&format!("MetricValue: $.{field}")), "{field}");
                seen += 1;
            }
        }
        assert_eq!(seen, 2, "one filter for failures, one for the lag");
    }
}
