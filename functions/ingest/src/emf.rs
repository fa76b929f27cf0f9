//! Counts in `CloudWatch`'s embedded metric format: a JSON line on stdout becomes metrics.
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use serde_json::{Map, Value, json};
use weir_store::Report;

/// The line for a batch. `timestamp_ms` is when it was handled, milliseconds since 1970; `elapsed_ms` how long it took.
pub fn emf_line(report: &Report, group_id: &str, timestamp_ms: u64, elapsed_ms: f64) -> String {
    let mut metrics: Vec<Value> = report.counts().iter().map(|(name, _)| json!({"Name": name, "Unit": "Count"})).collect();
    metrics.push(json!({"Name": "retries", "Unit": "Count"}));
    metrics.push(json!({"Name": "batch_ms", "Unit": "Milliseconds"}));
    let mut line = Map::new();
    line.insert(
        "_aws".into(),
        json!({"Timestamp": timestamp_ms, "CloudWatchMetrics": [{"Namespace": "Weir", "Dimensions": [["group"]], "Metrics": metrics}]}),
    );
    line.insert("group".into(), group_id.into());
    line.extend(report.counts().iter().map(|(name, count)| ((*name).to_owned(), (*count).into())));
    line.insert("retries".into(), report.retries.into());
    line.insert("batch_ms".into(), elapsed_ms.into());
    Value::Object(line).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_that_is_declared_has_its_value() {
        let report = Report { around_consume: 3, event_acknowledged: 2, event_failed: 1, ..Report::default() };
        let line: Value = serde_json::from_str(&emf_line(&report, "weir", 1_700_000_000_000, 12.5)).unwrap();
        for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{metric}");
        }
        assert_eq!(line["event_failed"], 1);
        assert_eq!(line["group"], "weir");
    }
}
