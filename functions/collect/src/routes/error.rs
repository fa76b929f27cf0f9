//! The error answers of the routes.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value};
use weir_http::{Denied, Members, Problem, ProblemCode};

use crate::{
    body::BodyFault,
    intake::{Ended, NoTarget, Report},
};

/// An error of a handler.
#[derive(Debug)]
pub(crate) enum CollectError {
    /// A problem with status, code and texts, and additional members.
    Problem(Problem, Map<String, Value>),
    /// The API key is missing, unknown, or lacks the scope.
    Access(Denied),
}

impl CollectError {
    pub(crate) fn new(
        status: StatusCode,
        code: ProblemCode,
        detail: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self::Problem(
            Problem { status, code, detail: detail.into(), hint: hint.into() },
            Map::new(),
        )
    }

    fn with(self, members: Map<String, Value>) -> Self {
        match self {
            Self::Problem(problem, _) => Self::Problem(problem, members),
            other @ Self::Access(_) => other,
        }
    }

    /// Returns the error of a body that did not end well, with the number of accepted values.
    pub(crate) fn ended(report: &Report) -> Option<Self> {
        let mut members = report.members();
        let fault = match &report.ended {
            Ended::Whole => return None,
            Ended::Malformed { place, reason } => {
                members.insert("line".into(), place.line.into());
                members.insert("number".into(), place.number.into());
                Self::new(
                    StatusCode::BAD_REQUEST,
                    ProblemCode::MalformedJson,
                    format!("line {}: {reason}; nothing after this line was read", place.line),
                    "correct this line and send the whole body again; the accepted values stay in Kafka",
                )
            }
            Ended::Body(fault) => Self::body(fault),
            Ended::TooLarge(count) => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                ProblemCode::RecordTooLarge,
                format!(
                    "{count} values are not in Kafka, because they or their batches are larger \
                        than Kafka accepts"
                ),
                "raise the topic's max.message.bytes, or give Weir's producer a batch.size below \
                    it (KAFKA_PROPERTIES), then send the whole body again",
            ),
            Ended::Kafka { brokers, reason } => {
                // The brokers are logged and not sent. The text of librdkafka may name them, too.
                tracing::warn!(
                    brokers,
                    reason,
                    accepted = report.accepted,
                    "Kafka did not acknowledge all values"
                );
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    ProblemCode::KafkaUnavailable,
                    "Kafka did not acknowledge all values",
                    "send the whole body again after the time in Retry-After; the accepted values stay in Kafka",
                )
            }
        };
        Some(fault.with(members))
    }

    /// Returns the error of a body that was not read to its end.
    pub(crate) fn body(fault: &BodyFault) -> Self {
        let (status, code, hint) = match fault {
            BodyFault::Idle(_) | BodyFault::Slow { .. } => (
                StatusCode::REQUEST_TIMEOUT,
                ProblemCode::RequestTimeout,
                "send the body again, without pauses",
            ),
            BodyFault::Cut(_) => {
                (StatusCode::BAD_REQUEST, ProblemCode::BodyCutOff, "send the body again")
            }
            BodyFault::TooLong { .. } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                ProblemCode::BodyTooLarge,
                "send the body in smaller parts, or ask POST /ingest/upload?topic=TOPIC for a URL \
                    that takes a file of any length",
            ),
            BodyFault::NotGzip(_) => (
                StatusCode::BAD_REQUEST,
                ProblemCode::NotGzip,
                "send a gzip body, or leave out the header Content-Encoding",
            ),
            BodyFault::Bomb { .. } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                ProblemCode::BodyTooLarge,
                "send the body without Content-Encoding",
            ),
        };
        Self::new(status, code, fault.to_string(), hint)
    }
}

impl From<NoTarget> for CollectError {
    fn from(error: NoTarget) -> Self {
        match error {
            NoTarget::Unbound(_) => Self::new(
                StatusCode::NOT_FOUND,
                ProblemCode::NotFound,
                error.to_string(),
                "GET /v1/models lists the topics that are bound to models",
            ),
            NoTarget::NotJson { .. } => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                ProblemCode::NotJson,
                error.to_string(),
                "write to this topic with a Kafka client and its schema",
            ),
        }
    }
}

impl From<Denied> for CollectError {
    fn from(error: Denied) -> Self {
        Self::Access(error)
    }
}

impl IntoResponse for CollectError {
    fn into_response(self) -> Response {
        match self {
            Self::Access(error) => error.into_response(),
            Self::Problem(problem, members) => {
                let status = problem.status;
                let mut response = problem.into_response();
                response.extensions_mut().insert(Members(members));
                if status == StatusCode::UNAUTHORIZED {
                    // RFC 9110, 15.5.2: this header is required.
                    response.headers_mut().insert(
                        header::WWW_AUTHENTICATE,
                        header::HeaderValue::from_static("Signature realm=\"weir\""),
                    );
                }
                if status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
                    // RFC 9110, 15.5.16.
                    response.headers_mut().insert(
                        header::ACCEPT_ENCODING,
                        header::HeaderValue::from_static("gzip, identity"),
                    );
                }
                response
            }
        }
    }
}
