//! Maps the outcome of a run to the words of CDEvents: success, failure, cancel, error.

/// Maps GitHub's conclusions and GitLab's statuses.
pub(super) fn of(word: &str) -> &'static str {
    match word {
        "success" | "neutral" => "success",
        "failure" | "failed" => "failure",
        "cancelled" | "canceled" | "skipped" => "cancel",
        _ => "error",
    }
}
