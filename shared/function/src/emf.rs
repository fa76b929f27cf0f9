//! Metrics in `CloudWatch`'s embedded metric format: a JSON line on stdout becomes metrics. Source:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use serde_json::{Map, Value, json};

/// The unit of a value, with `CloudWatch`'s names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// A duration in milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// A size in bytes.
    Bytes,
}

/// A metric: its name, its unit, its value.
pub type Metric = (&'static str, Unit, Value);

/// Returns the line of one event in the namespace `Weir`.
///
/// `dimensions` are names and values, and together they are one dimension set. `timestamp_ms` is
/// the time of the event in milliseconds since 1970.
pub fn emf_line(dimensions: &[(&str, &str)], metrics: Vec<Metric>, timestamp_ms: u64) -> String {
    let declared: Vec<Value> = metrics
        .iter()
        .map(|(name, unit, _)| json!({"Name": name, "Unit": format!("{unit:?}")}))
        .collect();
    let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
    let about = json!({"Timestamp": timestamp_ms, "CloudWatchMetrics": [{"Namespace": "Weir", "Dimensions": [names], "Metrics": declared}]});
    let mut line = Map::from_iter([("_aws".to_owned(), about)]);
    line.extend(dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())));
    line.extend(metrics.into_iter().map(|(name, _, value)| (name.to_owned(), value)));
    Value::Object(line).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_declared_has_its_value() {
        let metrics = vec![
            ("requests", Unit::Count, 1.into()),
            ("request_ms", Unit::Milliseconds, 2.5.into()),
        ];
        let line: Value = serde_json::from_str(&emf_line(
            &[("route", "/build"), ("status", "2xx")],
            metrics,
            1_700_000_000_000,
        ))
        .unwrap();
        assert_eq!(
            line,
            json!({
                "_aws": {
                    "Timestamp": 1_700_000_000_000_u64,
                    "CloudWatchMetrics": [{
                        "Namespace": "Weir",
                        "Dimensions": [["route", "status"]],
                        "Metrics": [{"Name": "requests", "Unit": "Count"}, {"Name": "request_ms", "Unit": "Milliseconds"}],
                    }],
                },
                "route": "/build",
                "status": "2xx",
                "requests": 1,
                "request_ms": 2.5,
            })
        );
    }
}
