//! Reads the body of `POST /cdevents`: one event or an array of events. Each is a plain CDEvent or
//! a `CloudEvent` in structured mode. (In binary mode the body is the plain event.)

use serde_json::value::RawValue;

use super::event;
use crate::record::{Headers, Record};

/// Maximum number of events in one request.
pub const EVENTS_MAX: usize = 10_000;

/// A record to produce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted<'a> {
    /// The key: the id of the event's subject, so that the events of one thing stay in order.
    pub key: String,
    /// The value: the event as received.
    pub value: &'a str,
    /// Findings about parts that do not follow the specification. The event is accepted all the
    /// same.
    pub problems: Option<String>,
}

/// The reason why a whole body is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{finding}", place(*.number))]
pub struct Refused {
    /// The number of the event in the array, from 1. `None` when the body is not an array.
    pub number: Option<usize>,
    /// The error.
    pub finding: String,
}

fn place(number: Option<usize>) -> String {
    number.map_or_else(String::new, |n| format!("event {n} of the array: "))
}

/// Returns the records of a body. The events are checked in the same way as in ingest.
///
/// The records go to `topic` at `now_ms` (milliseconds since 1970).
pub fn records<'a>(
    body: &'a [u8],
    topic: &str,
    now_ms: i64,
) -> Result<Vec<Submitted<'a>>, Refused> {
    let refused = |number, finding: String| Refused { number, finding };
    let body = std::str::from_utf8(body)
        .map_err(|e| refused(None, format!("the body is not UTF-8: {e}")))?;
    let json = body.trim_ascii();
    if !json.starts_with('[') {
        return Ok(vec![record(json, topic, now_ms).map_err(|finding| refused(None, finding))?]);
    }
    let all: Vec<&RawValue> = serde_json::from_str(json)
        .map_err(|e| refused(None, format!("the body is not JSON: {e}")))?;
    if all.len() > EVENTS_MAX {
        return Err(refused(
            None,
            format!("the array has {} events: at most {EVENTS_MAX} are allowed", all.len()),
        ));
    }
    let each = all.into_iter().enumerate();
    each.map(|(n, raw)| {
        record(raw.get(), topic, now_ms).map_err(|finding| refused(Some(n + 1), finding))
    })
    .collect()
}

fn record<'a>(value: &'a str, topic: &str, now_ms: i64) -> Result<Submitted<'a>, String> {
    // Reading an event does not depend on the coordinates, which the broker assigns later.
    let record = Record {
        topic,
        partition: 0,
        offset: 0,
        timestamp_ms: now_ms,
        key: None,
        value: Some(value.as_bytes()),
        headers: Headers::default(),
        arrived_at: None,
        schema: None,
        bad_base64: None,
        checksum: 0,
    };
    let read = event::read(&record, value).map_err(|rejection| rejection.message)?;
    Ok(Submitted {
        key: read.subject_id.into_owned(),
        value,
        problems: read.problems.map(String::from),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"context":{"specversion":"0.5.1","id":"1","source":"/s","type":"dev.cdevents.build.queued.0.3.0","timestamp":"2026-01-01T00:00:00Z"},"subject":{"id":"b","content":{}}}"#;

    fn submit(body: &str) -> Result<Vec<Submitted<'_>>, String> {
        records(body.as_bytes(), "cdevents", 0).map_err(|e| e.to_string())
    }

    #[test]
    fn one_many_or_wrapped() {
        let one = Submitted { key: "b".into(), value: EVENT, problems: None };
        assert_eq!(submit(EVENT), Ok(vec![one.clone()]));
        assert_eq!(submit(&format!(" {EVENT}\n")).map(|all| all.len()), Ok(1));
        assert_eq!(submit(&format!("[{EVENT},{EVENT}]")).map(|all| all.len()), Ok(2));
        assert_eq!(submit("[]"), Ok(vec![]));
        let wrapped =
            format!(r#"{{"specversion":"1.0","id":"ce","type":"t","source":"/s","data":{EVENT}}}"#);
        assert_eq!(submit(&wrapped), Ok(vec![Submitted { value: &wrapped, ..one }]));
        let odd = EVENT.replace("0.5.1", "9.9");
        let all = records(odd.as_bytes(), "cdevents", 0).expect("stored with a problem");
        assert_eq!(all[0].problems.as_deref(), Some("context.specversion \"9.9\" is unknown"));
    }

    #[test]
    fn an_invalid_cdevent_is_refused_with_the_finding() {
        assert!(
            records(b"\xff", "cdevents", 0).is_err_and(|e| e.to_string().contains("not UTF-8"))
        );
        for (body, finding) in [
            ("", "EOF while parsing"),
            ("7", "a CDEvent must be an object"),
            ("{}", "context is missing"),
            ("[", "the body is not JSON"),
            (&format!("[{EVENT},7]"), "event 2 of the array: a CDEvent must be an object"),
            (&EVENT.replace("\"id\":\"b\",", ""), "subject.id is missing"),
            (&EVENT.replace("dev.cdevents", "com.example"), "is not dev.cdevents."),
        ] {
            let error = submit(body).expect_err(body);
            assert!(error.contains(finding), "{body}: {error}");
        }
    }
}
